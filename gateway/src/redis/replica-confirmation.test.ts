import { expect, test } from "vitest";
import { confirmedReplicas, primaryRole } from "./replica-confirmation.ts";

const role = (offset: number, ...replicas: readonly (readonly [port: number, offset: number])[]): unknown => [
  "master",
  offset,
  replicas.map(([port, acknowledged]) => ["10.0.0.1", String(port), String(acknowledged)]),
];

/** Replies of ROLE, WAIT and ROLE. */
type Replies = readonly [before: unknown, count: number, after: unknown];

test.each<[string, Replies, readonly string[]]>([
  ["all did", [role(100, [1, 90], [2, 90]), 2, role(120, [1, 101], [2, 101])], ["10.0.0.1:1", "10.0.0.1:2"]],
  ["one is late", [role(100, [1, 90], [2, 90]), 1, role(120, [1, 101], [2, 90])], ["10.0.0.1:1"]],
  ["one has come only now", [role(100, [1, 90]), 1, role(120, [1, 101], [2, 0])], ["10.0.0.1:1"]],
  ["it has acknowledged nothing yet", [role(100), 1, role(120, [1, 0])], []],
  ["there are none", [role(100), 0, role(100)], []],
  ["it is no primary", [["slave", "10.0.0.1", 6379, "connected", 5], 0, undefined], []],
])("[FN7] a replica counts once it has acknowledged what was written before: %s", (_title, replies, expected) => {
  const [before, count, after] = replies;
  expect(confirmedReplicas(primaryRole(before), count, primaryRole(after))).toEqual(expected);
});
