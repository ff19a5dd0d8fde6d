/** Every case of a permission decision, for the test that judges them all and for the page that shows them. */
import type { Capability, Identity } from "../session/session.ts";
import type { ChannelLookup, ChannelOperation, Namespace, Permission } from "./namespace.ts";
import { type PermissionRequest, refusalOf } from "./permissions.ts";

export const PERMISSIONS: readonly Permission[] = ["none", "anonymous", "authenticated", "subscriber", "token"];
const OPERATIONS: readonly ChannelOperation[] = ["subscribe", "publish", "history", "presence"];
/** Who asks. */
export const CLIENTS = ["anonymous", "with a user"] as const;
/** What the asker's token says of the channel: nothing, a capability for the operation, or it is a subscription token. */
const TOKENS = ["no token", "capability", "subscription token"] as const;
export const CHANNELS = ["open", "private", "of others", "of the user"] as const;

/** It keeps everything, so that only permissions decide. */
export const KEEPING: Namespace = {
  name: "",
  allow: { subscribe: "none", publish: "none", history: "none", presence: "none" },
  history: { size: 10, ttlMs: 60_000 },
  forceRecovery: false,
  forcePositioning: false,
  recoveryMode: "stream",
  ephemeral: false,
  presence: true,
  joinLeave: false,
  forceJoinLeave: false,
  delta: false,
  publishDelta: false,
  tagsFilter: false,
  payload: "json",
  inbox: false,
  maxPayloadBytes: 100,
  hooks: { subscribe: false, publish: false, subRefresh: false },
  checkPayload: (data) => ({ ok: true, data }),
};

export interface PermissionCase {
  readonly permission: Permission;
  readonly operation: ChannelOperation;
  readonly client: (typeof CLIENTS)[number];
  readonly isSubscribed: boolean;
  readonly token: (typeof TOKENS)[number];
  readonly channel: (typeof CHANNELS)[number];
}

/** 0 when it is allowed, else the code of the error. */
export function codeOf(which: PermissionCase, namespace: Namespace): number {
  return refusalOf(requestOf(which, namespace))?.code ?? 0;
}

/** Every combination there can be. */
export function permissionCases(): readonly PermissionCase[] {
  let cases: readonly Partial<PermissionCase>[] = [{}];
  const values = {
    channel: CHANNELS,
    permission: PERMISSIONS,
    operation: OPERATIONS,
    client: CLIENTS,
    token: TOKENS,
    isSubscribed: [false, true],
  };
  for (const [key, choices] of Object.entries(values)) {
    cases = cases.flatMap((each) => choices.map((choice) => ({ ...each, [key]: choice })));
  }
  return (cases as readonly PermissionCase[]).filter((each) => isPossible(each));
}

/** A subscription token says nothing once the client asks for something else than a subscription. */
function isPossible({ operation, token }: PermissionCase): boolean {
  return token !== "subscription token" || operation === "subscribe";
}

const USER = "anna";
const NAMES: Readonly<Record<PermissionCase["channel"], string>> = {
  open: "room",
  private: "$room",
  "of others": "room#boris",
  "of the user": `room#${USER}`,
};
const WORDS = { subscribe: "sub", publish: "pub", history: "hst", presence: "prs" } as const;

function requestOf(which: PermissionCase, namespace: Namespace): PermissionRequest {
  const { operation, permission, client, isSubscribed, token } = which;
  const channel = NAMES[which.channel];
  const capability: Capability = { channels: [channel], match: "exact", allow: [WORDS[operation]] };
  const identity: Identity = {
    client: "c",
    user: client === "anonymous" ? "" : USER,
    ...(token === "capability" && { caps: [capability] }),
  };
  return {
    operation,
    channel,
    lookup: lookupOf(which.channel, { ...namespace, allow: { ...namespace.allow, [operation]: permission } }),
    identity,
    isSubscribed,
    hasSubscriptionToken: token === "subscription token",
  };
}

function lookupOf(channel: PermissionCase["channel"], namespace: Namespace): Extract<ChannelLookup, { ok: true }> {
  const users = { open: undefined, private: undefined, "of others": "boris", "of the user": USER }[channel];
  const isPrivate = channel === "private";
  return { ok: true, namespace, isPrivate, ...(users !== undefined && { users: new Set([users]) }) };
}
