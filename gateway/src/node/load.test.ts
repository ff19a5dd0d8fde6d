import { expect, test } from "vitest";
import { loadReport, type NodeState } from "./load.ts";

const state: NodeState = {
  identity: { podUid: "uid", podName: "pod", revision: "r1" },
  connections: 0,
  brokerConnected: true,
  brokerSeen: true,
  revocationsLoaded: true,
  isGateClosed: false,
  drain: { state: "none" } as unknown as NodeState["drain"],
  config: { hash: "h" },
};

test.each<[string, Partial<NodeState>, string]>([
  ["everything is there", {}, ""],
  ["Redis was lost later", { brokerConnected: false }, ""],
  ["the broker was never reached", { brokerSeen: false }, "broker has not been reached yet"],
  ["revocations were never read", { revocationsLoaded: false }, "revocations have not been read yet"],
  ["it is drained", { isGateClosed: true }, "drained"],
  ["it drains", { isGateClosed: true, connections: 1 }, ""],
])("[RV3] ready or not when %s", (_title, difference, notReadyReason) => {
  expect(loadReport({ ...state, ...difference })).toMatchObject({ ready: notReadyReason === "", notReadyReason });
});

test("[FN3] the report tells of a Redis that may evict keys, and says nothing otherwise", () => {
  expect(loadReport({ ...state, evictionRisk: "why" })).toMatchObject({ redisEvicts: "why" });
  expect(loadReport({ ...state, evictionRisk: undefined })).not.toHaveProperty("redisEvicts");
});
