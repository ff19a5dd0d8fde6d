import { expect, test } from "vitest";
import { observed, pod, redisPod, revision } from "../../test/simulation/build.ts";
import type { ObservedRedisPod } from "./observed.ts";
import { redisReady } from "./redis.ts";

const sentinel = { redis: { type: "managed", mode: "sentinel" } } as const;

function pods(nodes: number, sentinels: number): readonly ObservedRedisPod[] {
  return [0, 1, 2].flatMap((at) => [
    {
      ...redisPod,
      name: `nodes-${at}`,
      ready: at < nodes,
      problem: at < nodes ? "" : "Unschedulable: no room",
    },
    { ...redisPod, name: `sentinels-${at}`, isSentinel: true, ready: at < sentinels },
  ]);
}

test.each([
  [3, 3, "True", "Connected", "1 pods reach Redis"],
  [2, 3, "True", "Reduced", "2 of 3 Redis pods and 3 of 3 sentinels are ready; nodes-2: Unschedulable: no room"],
  [3, 1, "True", "Reduced", "1 of 3 sentinels are ready, too few to promote another primary"],
  [0, 3, "False", "Starting", "nodes-0: Unschedulable: no room"],
] as const)("[RS9] %i nodes and %i sentinels: %s %s", (...row) => {
  const [nodes, sentinels, status, reason, message] = row;
  const seen = redisReady(observed([revision("a", [pod("p")])], { spec: sentinel, redisPods: pods(nodes, sentinels) }));
  expect(seen).toMatchObject({ status, reason });
  expect(seen.message).toContain(message);
});

test("[RS9] gateways that are cut off count more than pods that are there", () => {
  const load = pod("p").load;
  const cut = pod("p", { load: load && { ...load, brokerConnected: false } });
  const seen = redisReady(observed([revision("a", [cut])], { spec: sentinel, redisPods: pods(2, 3) }));
  expect(seen).toMatchObject({ status: "False", reason: "Unreachable" });
  expect(seen.message).toContain("2 of 3 Redis pods");
});

test("[RD1] a Redis Cluster of the user's that nobody reaches: the message says where to look", () => {
  const load = pod("p").load;
  const cut = pod("p", { load: load && { ...load, brokerConnected: false } });
  const spec = { redis: { type: "external", cluster: { nodes: [{ host: "r.example", port: 6379 }] } } } as const;
  expect(redisReady(observed([revision("a", [cut])], { spec })).message).toContain("check spec.redis.cluster");
});
