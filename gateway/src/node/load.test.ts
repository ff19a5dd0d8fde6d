import { expect, test } from "vitest";
import { loadReport, type NodeState } from "./load.ts";

const state: NodeState = {
  identity: { podUid: "uid", podName: "pod", revision: "r1" },
  connections: 0,
  brokerConnected: true,
  brokerSeen: true,
  revocationsLoaded: true,
  isGateClosed: false,
  isLeaseHeld: true,
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

const lost = { probe: { rounds: 9, failures: 3, rebuilds: 2 }, problem: "Redis is not reached", troubleSeconds: 90 };

test("[BR60] a gateway that is cut off from Redis stays ready and reports it, until it is drained for that", () => {
  const cut = { ...state, brokerConnected: false, redis: lost };
  expect(loadReport(cut)).toMatchObject({ ready: true, redis: lost });
  expect(loadReport({ ...cut, drainReason: "scale-down" })).toMatchObject({ ready: true });
  expect(loadReport({ ...cut, drainReason: "unhealthy" })).toMatchObject({
    ready: false,
    notReadyReason: "replaced: Redis is not reached, and other pods reach it",
  });
});
