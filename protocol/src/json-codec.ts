import type { Codec } from "./codec.ts";
import { decodeJsonEmulation, decodeJsonFrame } from "./json-decode.ts";
import { encodeJsonPush, encodeJsonReply } from "./json-encode.ts";

/** Any SDK answers the empty object with the same (HB1). */
const PING = new TextEncoder().encode("{}");

/** The protocol in JSON: a line per command, reply or push. */
export const JSON_CODEC: Codec = {
  name: "json",
  decodeFrame: decodeJsonFrame,
  decodeEmulation: decodeJsonEmulation,
  encodeReply: encodeJsonReply,
  encodePush: encodeJsonPush,
  ping: PING,
};
