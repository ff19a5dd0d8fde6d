import type { DecodedFrame, EmulationRequest, Push, Reply } from "./messages.ts";

/**
 * One of the protocol's two forms. Never throws on input: what breaks a rule is a refusal. An encoded reply or push is one line
 * of JSON without its newline, or one Protobuf message with its length before it; a frame joins lines with newlines and
 * Protobuf messages with nothing.
 */
export interface Codec {
  readonly name: "json" | "protobuf";
  decodeFrame(frame: Uint8Array): DecodedFrame;
  /** Undefined for a body that is no emulation request. */
  decodeEmulation(body: Uint8Array): EmulationRequest | undefined;
  encodeReply(reply: Reply): Uint8Array;
  encodePush(push: Push): Uint8Array;
  /** The server's ping (HB1). */
  readonly ping: Uint8Array;
}
