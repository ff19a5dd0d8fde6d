import { type Codec as ServerCodec, JSON_CODEC, PROTOBUF_CODEC } from "@belay/protocol";
import type { ClientCodec } from "../src/codec.ts";
import { jsonCodec } from "../src/json-codec.ts";
import { protobufCodec } from "../src/protobuf.ts";
import type { Frame } from "../src/transport.ts";

const text = new TextEncoder();

/** One form of the protocol from both ends. */
export interface Form {
  readonly client: ClientCodec;
  readonly server: ServerCodec;
  /** The application's payload whose bytes are this JSON text. */
  readonly payload: (json: string) => unknown;
  /** What the server's bytes are on the wire. */
  readonly frame: (bytes: Uint8Array) => Frame;
}

export const forms: readonly Form[] = [
  {
    client: jsonCodec,
    server: JSON_CODEC,
    payload: (json): unknown => JSON.parse(json),
    frame: (encoded) => new TextDecoder().decode(encoded),
  },
  { client: protobufCodec, server: PROTOBUF_CODEC, payload: (json) => text.encode(json), frame: (encoded) => encoded },
];

export function bytes(json: string): Uint8Array {
  return text.encode(json);
}
