import type { Namespace } from "./namespace.ts";

/** What a subscription is made by: with another one of these it would have been told something else. */
const DECISIVE = [
  "name",
  "forceRecovery",
  "forcePositioning",
  "recoveryMode",
  "presence",
  "joinLeave",
  "forceJoinLeave",
  "delta",
  "tagsFilter",
  "payload",
  "inbox",
] as const satisfies readonly (keyof Namespace)[];

/** Whether a subscription made by one of them could go on under the other. */
export function hasSameRules(a: Namespace, b: Namespace): boolean {
  const isHistoryKept = (a.history === undefined) === (b.history === undefined);
  return isHistoryKept && DECISIVE.every((key) => a[key] === b[key]);
}
