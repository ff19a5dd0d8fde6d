import { openRedisBroker, type RedisTopology } from "@belay/gateway/internal";
import { BrokerNode, eventually, type RedisCluster, startRedisCluster } from "@belay/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { keySlot } from "../src/redis/key-slot.ts";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { documentedUser } from "./redis-rights.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";
import { sharedRedisContracts } from "./shared-redis-contracts.ts";

let cluster: RedisCluster;
let url: RedisTopology;

beforeAll(async () => {
  cluster = await startRedisCluster({ password: "secret" });
  const user = await documentedUser("belay-secret");
  for (const server of cluster.servers) await cluster.call(server, "ACL", "SETUSER", ...user);
  url = clusterTopology(cluster, { username: "belay", password: "belay-secret" });
}, 60_000);
afterAll(() => cluster[Symbol.asyncDispose]());

sharedRedisContracts({
  name: "Redis Cluster",
  replicatedName: "Redis Cluster, replicated without replicas",
  url: () => url,
});

test("[FT3] the documented rights are enough while a slot moves, and were for all of this", async () => {
  const added = await cluster.addMaster();
  await cluster.call(added, "ACL", "SETUSER", ...(await documentedUser("belay-secret")));
  const node = await new BrokerNode(
    openRedisBroker({ url, prefix: "belay:", nodeId: "mover", ...testRuntime() }),
  ).start();
  onTestFinished(() => node.broker.close());
  await eventually("connected", 10_000, () => node.broker.connected);
  const place = { channel: "moving", history: { size: 10, ttlMs: 60_000 } };
  const publish = (text: string): Promise<unknown> =>
    eventually(text, 10_000, () =>
      node.broker.publish({ ...place, data: Buffer.from(text) }).then(
        ({ position }) => position,
        () => undefined,
      ),
    );
  await node.broker.subscribe("moving");
  const before = await publish("before");
  const name = new RedisKeys("belay:").publications("moving");
  const slot = keySlot(name);
  const from = await cluster.ownerOf(name);
  await cluster.beginMigration(slot, from, added);
  await cluster.moveKeys(slot, from, added);
  await publish("moved");
  await cluster.endMigration(slot, from, added);
  expect(await publish("ended")).toEqual({ ...(before as object), offset: 3 });
  for (const server of cluster.servers) expect(await cluster.call(server, "ACL", "LOG")).toBe("");
});
