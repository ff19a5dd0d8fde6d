import { ERROR, type ErrorReply } from "@belay/protocol";
import type { ChannelLookup } from "./namespace.ts";

/** The error of a channel that no namespace serves. */
export function lookupRefusal({ reason, problem }: Extract<ChannelLookup, { ok: false }>): ErrorReply {
  return reason === "badName" ? { ...ERROR.badRequest, message: problem } : ERROR.unknownChannel;
}
