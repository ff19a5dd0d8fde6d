import type { Command, ServerMessage } from "./messages.ts";
import type { Format, Frame } from "./transport.ts";

/**
 * One of the protocol's two forms, seen from the client. Payloads are values of JSON in the JSON form, and bytes (`Uint8Array`) in
 * the Protobuf form.
 */
export interface ClientCodec {
  readonly format: Format;
  /** One frame of at least one command. A payload that cannot be written throws a `TypeError`, as `JSON.stringify` does. */
  encode(commands: readonly Command[]): Frame;
  /** Never throws. Replies and pushes of kinds that are not known are left out, as are fields. */
  decode(frame: Frame): DecodedFrame;
}

export type DecodedFrame =
  | { readonly ok: true; readonly messages: readonly ServerMessage[] }
  /** Not the protocol's: the connection cannot go on. */
  | { readonly ok: false; readonly problem: string };
