import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { signalPod } from "../container-process.ts";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { kubectl } from "../kubectl.ts";
import { externalRedis } from "../external-redis.ts";

test("an open socket is in the registry under its pod's UID; gone 1 s after close, 12 s after SIGKILL, 5 s after its pod was deleted by force, all gone with the cluster", async () => {
  await using ns = await given.namespace("e2e-registry");
  const { url: redisUrl, secret } = await externalRedis(ns);
  await given.realtimeCluster(ns, "reg", {
    replicas: 2,
    auth: { anonymous: true },
    redis: { type: "external", urlSecretRef: { name: secret, key: "url" } },
    drain: { deadlineSeconds: 20, ratePerSecond: 50, gracePeriodSeconds: 40 },
  });
  const { url } = await given.readyCluster(ns, "reg");
  const redis = new Redis(redisUrl);
  try {
    const uids = (await given.gatewayPods(ns, "reg")).map((pod) => pod.metadata.uid);
    await using fleet = await Fleet.open({ url, count: 40, channel: "news" });
    await eventuallyTrue("all connected", { withinMs: 15_000 }, () => fleet.connected === 40);
    // A pod is Ready a moment before kube-proxy sends it anybody: those who came first are spread until both pods hold some.
    await eventually("sockets on both pods", { withinMs: 30_000 }, async () => {
      if (fleet.byNode.size === 2 && fleet.connected === 40) return true;
      await fleet.spread();
      return undefined;
    });
    await eventuallyTrue("40 entries", { withinMs: 2_000 }, async () => (await ownedClients(redis)).length === 40);
    const owners = await ownedClients(redis);
    expect(new Set(owners.map(({ podUid }) => podUid))).toEqual(new Set(uids));

    fleet.leave(10);
    const { tookMs: closedMs } = await eventuallyTrue(
      "10 entries gone",
      { withinMs: 1_000, everyMs: 20 },
      async () => (await ownedClients(redis)).length === 30,
    );

    const victim = uids[0] ?? "";
    const held = (await ownedClients(redis)).filter(({ podUid }) => podUid === victim).map(({ client }) => client);
    expect(held.length).toBeGreaterThan(0);
    await signalPod(victim, "SIGKILL");
    const { tookMs: sweptMs } = await eventually(
      "the killed pod's entries gone",
      { withinMs: 12_000, everyMs: 50 },
      async () => {
        const left = (await ownedClients(redis)).filter(({ client }) => held.includes(client));
        if (left.length === 0) return true;
        throw new Error(`${left.length} of ${held.length} left`);
      },
    );
    await eventuallyTrue("all back", { withinMs: 15_000 }, () => fleet.connected === 30);
    console.log(`gone ${closedMs} ms after close, ${sweptMs} ms after SIGKILL`);

    // A frozen process cannot take its entries away itself.
    await eventually("sockets on both pods", { withinMs: 30_000 }, async () => {
      if (fleet.byNode.size === 2 && fleet.connected === 30) return true;
      await fleet.spread();
      return undefined;
    });
    const frozen = uids[1] ?? "";
    const pod = (await given.gatewayPods(ns, "reg")).find(({ metadata }) => metadata.uid === frozen);
    await signalPod(frozen, "SIGSTOP");
    await kubectl([
      "-n",
      ns.name,
      "delete",
      "pod",
      pod?.metadata.name ?? "",
      "--force",
      "--grace-period=0",
      "--wait=false",
    ]);
    const { tookMs: askedMs } = await eventuallyTrue(
      "the vanished pod's entries gone",
      { withinMs: 5_000, everyMs: 50 },
      async () => !(await ownedClients(redis)).some(({ podUid }) => podUid === frozen),
    );
    console.log(`gone ${askedMs} ms after the pod was deleted by force`);

    await kubectl(["-n", ns.name, "delete", "rtc", "reg"]);
    await eventually("registry empty", { withinMs: 60_000, everyMs: 200 }, async () => {
      const left = await ownedClients(redis);
      const pods = await given.gatewayPods(ns, "reg");
      if (left.length === 0 && pods.length === 0) return true;
      throw new Error(`${left.length} entries, ${pods.length} pods`);
    });
    expect(await registryKeys(redis)).toEqual([]);
  } finally {
    redis.disconnect();
  }
}, 300_000);

interface OwnedClient {
  readonly client: string;
  readonly podUid: string;
}

/** Reads the registry as docs/redis.md describes it. */
async function ownedClients(redis: Redis): Promise<readonly OwnedClient[]> {
  const owned: OwnedClient[] = [];
  for (const key of await redis.keys("*}u:*")) {
    for (const [client, value] of Object.entries(await redis.hgetall(key)))
      owned.push({ client, podUid: value.split(" ", 1)[0] ?? "" });
  }
  return owned;
}

async function registryKeys(redis: Redis): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pattern of ["*}u:*", "*}p:*", "*}:pods"]) found.push(...(await redis.keys(pattern)));
  return found;
}
