import { openRedisBroker, type Position } from "@belay/gateway/internal";
import { BrokerNode, eventually, startGateway, startSentinelGroup } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { CheckedTraffic } from "./checked-traffic.ts";
import { testRuntime } from "./redis-test-runtime.ts";

/** As the operator runs it: a password, and servers that are known by their names. */
test("[FN5] replicated: Sentinel replaces a killed primary under traffic, two replicas: nothing that was acknowledged is lost, one epoch", async () => {
  const login = { password: "secret" };
  const group = await startSentinelGroup({ ...login, areNamed: true });
  const { sentinels, masterName } = group;
  const url = { mode: "sentinel", sentinels, masterName, login, sentinelLogin: {} } as const;
  const runtime = testRuntime();
  const broker = openRedisBroker({ url, prefix: "t:", nodeId: "n", ...runtime, durability: () => "replicated" });
  onTestFinished(() => broker.close());
  await new BrokerNode(broker).start();
  const acknowledged = new Map<string, Position>();
  const publish = async (text: string): Promise<void> => {
    const history = { size: 100_000, ttlMs: 600_000 };
    const { position } = await broker.publish({ channel: "chat", data: Buffer.from(text), history });
    acknowledged.set(text, position);
  };
  const end = new AbortController();
  const publishing = Array.from({ length: 4 }, async (_, publisher) => {
    for (let count = 0; !end.signal.aborted; count += 1)
      await publish(`${publisher}:${count}`).catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
  });
  await eventually("traffic", 10_000, () => acknowledged.size > 500);
  const former = await group.primary();
  expect(await group.call(former, "ROLE")).toContain("localhost");
  await former.kill();
  await group.promoted(former);
  const before = acknowledged.size;
  await eventually("traffic again", 15_000, () => acknowledged.size > before + 200);
  end.abort();
  await Promise.all(publishing);
  const { publications } = await broker.history({ channel: "chat" });
  const stored = new Map(publications.map(({ data, offset }) => [data.toString(), offset]));
  expect([...acknowledged].filter(([text, { offset }]) => stored.get(text) !== offset)).toEqual([]);
  expect(new Set([...acknowledged.values()].map(({ epoch }) => epoch)).size).toBe(1);
  expect(runtime.lines.filter((line) => line.includes("cannot be reached"))).toEqual([]);
});

/** Acknowledged publications that no replica has when the primary dies. */
const LAG = 100;

test("[FN2] fast: Sentinel promotes a replica that lags by acknowledged publications: what a subscriber sees is exact, or it is told", async () => {
  const group = await startSentinelGroup({ canLag: true });
  const { sentinels, masterName } = group;
  const config = {
    broker: { type: "redis", mode: "sentinel", sentinels, masterName },
    channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
  } as const;
  const gateways = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const channels = ["a", "b"];
  const traffic = await CheckedTraffic.start(gateways, channels);
  const begun = traffic.mark();
  await eventually("flow", 10_000, () => traffic.flows(begun));
  const former = await group.primary();
  group.lag();
  const before = traffic.acknowledged;
  await eventually("the replicas lag", 20_000, () => traffic.acknowledged >= before + LAG);
  await former.kill();
  const promoted = await group.promoted(former);
  const mark = traffic.mark();
  await eventually("flow again", 20_000, () => traffic.flows(mark));
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  traffic.check();
  expect(traffic.told).toBeGreaterThanOrEqual(gateways.length * channels.length);
  expect(await group.call(promoted, "ROLE")).toContain("master");
}, 60_000);
