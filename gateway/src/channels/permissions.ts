/** Who may do what in a channel. Pure. */
import { ERROR, type ErrorReply } from "@belay/protocol";
import type { Identity } from "../session/session.ts";
import { isCapable } from "./capability.ts";
import type { ChannelLookup, ChannelOperation, Namespace } from "./namespace.ts";

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
export function refusalOf(request: PermissionRequest): ErrorReply | undefined {
  if (!isServed(request.operation, request.lookup.namespace)) return ERROR.notAvailable;
  return isOpen(request) && isAllowed(request) ? undefined : ERROR.permissionDenied;
}

/** Nothing can be read that is not kept. */
function isServed(operation: ChannelOperation, { history, presence }: Namespace): boolean {
  if (operation === "history") return history !== undefined;
  return operation !== "presence" || presence;
}

/**
 * A private channel and one for certain users are closed to everybody else, whatever the namespace and the connection token say:
 * only a subscription token, which names the channel, opens them. Whoever it has let in may go on by the namespace's rules.
 */
export function isClosedTo(
  { user }: Pick<Identity, "user">,
  { isPrivate, users }: PermissionRequest["lookup"],
): boolean {
  return isPrivate || !(users?.has(user) ?? true);
}

function isOpen({ lookup, identity, isSubscribed, hasSubscriptionToken }: PermissionRequest): boolean {
  return isSubscribed || hasSubscriptionToken === true || !isClosedTo(identity, lookup);
}

function isAllowed({ operation, channel, lookup, identity, isSubscribed, ...token }: PermissionRequest): boolean {
  const who = lookup.namespace.allow[operation];
  const isByToken = (): boolean => token.hasSubscriptionToken === true || isCapable(identity.caps, channel, operation);
  switch (who) {
    case "none":
      return false;
    case "anonymous":
      return true;
    case "authenticated":
      return identity.user !== "" || isByToken();
    case "subscriber":
      return isSubscribed || isByToken();
    case "token":
      return isByToken();
  }
}
