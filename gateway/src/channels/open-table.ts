import type { ChannelTable, Namespace } from "./namespace.ts";

/** What a channel is without any configuration: open to everybody who is connected, nothing kept. */
export const OPEN_NAMESPACE: Namespace = {
  name: "",
  allow: { subscribe: "anonymous", publish: "anonymous", history: "none", presence: "none" },
  forceRecovery: false,
  forcePositioning: false,
  recoveryMode: "stream",
  presence: false,
  joinLeave: false,
  forceJoinLeave: false,
  delta: false,
  publishDelta: false,
  tagsFilter: false,
  payload: "json",
  maxPayloadBytes: 67_108_864,
  hooks: { subscribe: false, publish: false, subRefresh: false },
  checkPayload: (data) => ({ ok: true, data }),
};

/** Every channel is of the same namespace. */
export function openTable(namespace: Namespace = OPEN_NAMESPACE): ChannelTable {
  return {
    names: [namespace.name],
    find: () => ({ ok: true, namespace, isPrivate: false }),
    hasRpcHook: () => true,
  };
}
