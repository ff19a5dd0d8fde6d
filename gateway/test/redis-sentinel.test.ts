import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, eventually, startGateway, startSentinelGroup } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { CheckedTraffic } from "./checked-traffic.ts";
import { sentinelTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const CHANNELS = ["a", "b", "c", "d"];

test("[TP2] the primary is killed under traffic: no socket closes, publishers see temporary errors, nothing is lost unsaid", async () => {
  const group = await startSentinelGroup({ downAfterMs: 500 });
  const { sentinels, masterName } = group;
  const config = {
    broker: { type: "redis", mode: "sentinel", sentinels, masterName },
    channels: { unprefixed: { history: { size: 1_000, ttlSeconds: 60 } } },
  } as const;
  const gateways = [await startGateway({ config }), await startGateway({ config })];
  for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
  const traffic = await CheckedTraffic.start(gateways, CHANNELS);
  const begun = traffic.mark();
  await eventually("flow", 5_000, () => traffic.flows(begun));

  const former = await group.primary();
  const killedAtMs = performance.now();
  await former.kill();
  await eventually("errors", 5_000, () => traffic.errors > 0);
  await group.promoted(former);
  const promotedAtMs = performance.now();
  const promoted = traffic.mark();
  await eventually("flow again", 15_000, () => traffic.flows(promoted)).catch((error: unknown) => {
    console.log(traffic.state);
    throw error;
  });
  const flowMs = performance.now() - promotedAtMs;
  console.log(
    `promoted after ${Math.round(promotedAtMs - killedAtMs)} ms, flow ${Math.round(flowMs)} ms later, ` +
      `${traffic.errors} publishes refused, the slowest answer ${Math.round(traffic.slowestMs)} ms, ${traffic.told} times told`,
  );
  await traffic.stop();
  await eventually("everybody is at the end", 10_000, () => traffic.isSettled);
  traffic.check();
  expect(traffic.slowestMs).toBeLessThan(5_000);
}, 60_000);

test("[TP3] a switch that the sentinels tell of ends the connection to a former primary that still answers", async () => {
  const group = await startSentinelGroup({ password: "secret" });
  const node = new BrokerNode(
    openRedisBroker({
      url: sentinelTopology(group, { password: "secret" }),
      prefix: "t:",
      nodeId: "n",
      ...testRuntime(),
    }),
  );
  onTestFinished(() => node.broker.close());
  await node.start();
  await node.broker.subscribe("chat");
  const former = await group.primary();
  // The sentinels lose sight of it only; its connections to gateways live on.
  await group.hide(former);
  const primary = await group.promoted(former);
  await eventually("published on the new primary", 10_000, async () => {
    await node.broker.publish({ channel: "chat", data: Buffer.from("x") });
    return Number(await group.call(primary, "DBSIZE")) > 0;
  });
  await eventually("delivered", 5_000, async () => {
    await node.broker.publish({ channel: "chat", data: Buffer.from("y") });
    return node.texts("chat").includes("y");
  });
  expect(await group.call(former, "PING")).toBe("PONG");
}, 60_000);
