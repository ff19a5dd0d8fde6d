import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, eventually, startGateway, startRedisCluster, TcpProxy } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { CheckedTraffic } from "./checked-traffic.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const CHANNELS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const PROBE_INTERVAL_MS = 1_000;

async function metric(gateway: { readonly controlUrl: string }, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  return Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`belay_gateway_${name} `))
      ?.split(" ")[1],
  );
}

test("[TP10] the subscriber connection to one shard delivers nothing any more: it alone is mended, its holes are filled, the others go on", async () => {
  const cluster = await startRedisCluster();
  const owner = await cluster.ownerOf(new RedisKeys("").publications("a"));
  const affected: string[] = [];
  for (const channel of CHANNELS)
    if ((await cluster.ownerOf(new RedisKeys("").publications(channel))) === owner) affected.push(channel);
  const others = CHANNELS.filter((channel) => !affected.includes(channel));
  expect(others.length).toBeGreaterThan(0);
  const proxy = await TcpProxy.start(owner.port);
  await cluster.announce(owner, proxy.port);
  await using gateway = await startGateway({
    config: {
      broker: { type: "redis", mode: "cluster", nodes: cluster.nodes.filter(({ port }) => port !== owner.port) },
      channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
    },
    brokerTiming: { probeIntervalMs: PROBE_INTERVAL_MS },
  });
  const traffic = await CheckedTraffic.start([gateway], CHANNELS);
  const begun = traffic.mark();
  await eventually("flow", 10_000, () => traffic.flows(begun));
  expect(proxy.swallowReplies("belay-subscriber\r\n")).toBe(1);
  const wedgedAtMs = performance.now();
  const wedged = traffic.mark();
  await eventually("the others flow", 5_000, () => traffic.flows(wedged, others));
  expect(traffic.flows(wedged, affected)).toBe(false);
  await eventually("all flow", 20_000, () => traffic.flows(wedged));
  const mendedMs = performance.now() - wedgedAtMs;
  console.log(`${affected.length} channels wedged of ${CHANNELS.length}, mended after ${Math.round(mendedMs)} ms`);
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  traffic.check();
  expect(traffic.told).toBe(0);
  // Half an interval more for the reading, on a machine that does much else.
  expect(mendedMs).toBeLessThan(2.5 * PROBE_INTERVAL_MS);
  expect(await metric(gateway, "redis_probe_failures_total")).toBe(1);
  expect(await metric(gateway, 'gaps_total{outcome="filled"}')).toBe(affected.length);
}, 60_000);

test("[TP11] an interruption on one shard concerns its channels only, whichever connection it was", async () => {
  const cluster = await startRedisCluster();
  const runtime = testRuntime();
  const node = new BrokerNode(openRedisBroker({ url: clusterTopology(cluster), prefix: "", nodeId: "n", ...runtime }));
  onTestFinished(() => node.broker.close());
  await node.start();
  await eventually("connected", 10_000, () => node.broker.connected);
  for (const channel of CHANNELS) await node.broker.subscribe(channel);
  const owners = await Promise.all(CHANNELS.map((channel) => cluster.ownerOf(new RedisKeys("").publications(channel))));
  for (const name of ["belay-subscriber", "belay-publisher"]) {
    const [server] = owners;
    if (server === undefined) throw new Error("nobody holds the channel");
    const before = node.gaps.length;
    const clients = await cluster.call(server, "CLIENT", "LIST");
    const id = new RegExp(`^id=(\\d+) .*name=${name} `, "m").exec(clients)?.[1] ?? "";
    await cluster.call(server, "CLIENT", "KILL", "ID", id);
    await eventually("told", 10_000, () => node.gaps.slice(before).some((isAffected) => isAffected("a")));
    await eventually("connected", 10_000, () => node.broker.connected);
    for (const [index, channel] of CHANNELS.entries())
      expect(node.gaps.slice(before).some((isAffected) => isAffected(channel))).toBe(owners[index] === server);
  }
}, 60_000);
