/** Who may do what in a channel. Pure. */
import { ERROR, type ErrorReply } from "@belay/protocol";
import type { Identity } from "../session/session.ts";
import type { ChannelLookup, ChannelOperation } from "./namespace.ts";

export interface PermissionRequest {
  readonly operation: ChannelOperation;
  readonly channel: string;
  readonly lookup: Extract<ChannelLookup, { ok: true }>;
  readonly identity: Identity;
  readonly isSubscribed: boolean;
  /** A verified subscription token opens the channel; only for `subscribe`. */
  readonly hasSubscriptionToken?: boolean;
}

/** Undefined when it is allowed. */
export function refusalOf({ operation, lookup, identity, isSubscribed }: PermissionRequest): ErrorReply | undefined {
  const who = lookup.namespace.allow[operation];
  const isAllowed =
    who === "anonymous" || (who === "authenticated" && identity.user !== "") || (who === "subscriber" && isSubscribed);
  return isAllowed ? undefined : ERROR.permissionDenied;
}
