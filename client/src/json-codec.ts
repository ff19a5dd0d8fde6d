import type { ClientCodec } from "./codec.ts";
import { decodeJsonFrame } from "./json-decode.ts";
import { encodeJsonCommands } from "./json-encode.ts";

/** The JSON form. Payloads are values of JSON. */
export const jsonCodec: ClientCodec = {
  format: "json",
  encode: encodeJsonCommands,
  decode: (frame) =>
    typeof frame === "string" ? decodeJsonFrame(frame) : { ok: false, problem: "a frame must be text" },
};
