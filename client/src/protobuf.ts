/** The door `@belay/client/protobuf`: the Protobuf form, apart so that who speaks JSON does not load it. */
import type { ClientCodec } from "./codec.ts";
import { decodeProtobufFrame } from "./protobuf-decode.ts";
import { encodeProtobufCommands } from "./protobuf-encode.ts";

/** The Protobuf form. Payloads are bytes (`Uint8Array`), at least one of them. */
export const protobufCodec: ClientCodec = {
  format: "protobuf",
  encode: encodeProtobufCommands,
  decode: (frame) =>
    typeof frame === "string" ? { ok: false, problem: "a frame must be bytes" } : decodeProtobufFrame(frame),
};
