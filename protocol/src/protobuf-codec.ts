import type { Codec } from "./codec.ts";
import { decodeProtobufEmulation, decodeProtobufFrame } from "./protobuf-decode.ts";
import { encodeProtobufPush, encodeProtobufReply } from "./protobuf-encode.ts";

/** An empty message: any SDK answers it with the same (HB1). */
const PING = Uint8Array.of(0);

/** The protocol in Protobuf: each message with its length before it. */
export const PROTOBUF_CODEC: Codec = {
  name: "protobuf",
  decodeFrame: decodeProtobufFrame,
  decodeEmulation: decodeProtobufEmulation,
  encodeReply: encodeProtobufReply,
  encodePush: encodeProtobufPush,
  ping: PING,
};
