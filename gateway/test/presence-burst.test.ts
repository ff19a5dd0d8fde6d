import { openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, startRedis } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

/** Some 500 ms of Redis. */
const BURST = 20_000;

test("[BR64] a burst of presence changes that keeps Redis busy for longer than a command may take is no outage", async () => {
  const redis = await startRedis();
  const options = { prefix: "t:", nodeId: "n", bounds: { commandTimeoutMs: 250 } };
  const node = new BrokerNode(openRedisBroker({ ...testRuntime(), ...options, url: redis.url }));
  onTestFinished(() => node.broker.close());
  await node.start();
  const info = Buffer.alloc(0);
  const changes = Array.from({ length: BURST }, (_, n) =>
    node.broker.addPresence("room", { client: `c${n}`, user: `u${n}`, info }, 60_000),
  );
  const outcomes = await Promise.allSettled(changes);
  expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
  expect(await node.broker.presenceStats("room")).toEqual({ clients: BURST, users: BURST });
});
