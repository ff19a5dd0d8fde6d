import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { getObject, listObjects, type Seen } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";
import { Publisher } from "../publisher.ts";

const SENTINEL_PORT = 26_379;

interface StatefulSet extends Seen {
  readonly status?: { readonly readyReplicas?: number };
}

function redisCli(ns: given.Namespace, pod: string, command: string): Promise<string> {
  const script = `read -r REDISCLI_AUTH < /etc/redis/auth/password; export REDISCLI_AUTH; exec redis-cli ${command}`;
  return kubectl(["-n", ns.name, "exec", pod, "--", "sh", "-c", script]);
}

/** Pod that the sentinels name. */
async function primary(ns: given.Namespace, cluster: string): Promise<string> {
  const command = `-p ${SENTINEL_PORT} SENTINEL GET-MASTER-ADDR-BY-NAME belay`;
  return (await redisCli(ns, `${cluster}-sentinels-0`, command)).split(".")[0] ?? "";
}

async function readyPods(ns: given.Namespace, name: string): Promise<number> {
  return (await getObject<StatefulSet>(ns.name, "statefulSets", name)).status?.readyReplicas ?? 0;
}

test("Sentinel from one object: the primary is killed, sockets stay, delivery flows again within 15 s, and six pods are back", async () => {
  await using ns = await given.namespace("e2e-sentinel");
  await given.realtimeCluster(ns, "chat", {
    replicas: 2,
    auth: { anonymous: true },
    redis: { type: "managed", mode: "sentinel", durability: "replicated" },
  });
  const { url } = await given.readyCluster(ns, "chat", 90_000);
  await eventuallyTrue("all of Redis is there", { withinMs: 60_000 }, async () => {
    const seen = given.condition(await given.readCluster(ns, "chat"), "RedisReady");
    return seen?.reason === "Connected";
  });
  const pods = await listObjects(ns.name, "pods", "belay.dev/cluster=chat,belay.dev/component=redis-node");
  expect(pods).toHaveLength(3);

  await using fleet = await Fleet.open({ url, count: 60, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 15_000 }, () => fleet.connected === 60);
  const options = { url, apiKey: await given.apiKey(ns, "chat"), channel: "news", perSecond: 20 };
  await using publisher = Publisher.start(options);
  await eventuallyTrue("messages flow", { withinMs: 10_000 }, () => fleet.received > 500);

  const first = await primary(ns, "chat");
  const uid = pods.find(({ metadata }) => metadata.name === first)?.metadata.uid ?? "";
  const killed = performance.now();
  // Dead before its pod is deleted: nobody is asked to take over, the sentinels have to find out.
  await redisCli(ns, first, "SHUTDOWN NOSAVE NOW FORCE").catch(() => "");
  await kubectl(["-n", ns.name, "delete", "pod", first, "--grace-period=0", "--force", "--wait=false"]);
  await eventuallyTrue("publishes are refused for now", { withinMs: 15_000 }, () => publisher.refusedTemporarily > 0);
  const { value: second } = await eventually("another primary", { withinMs: 30_000, everyMs: 200 }, async () => {
    const now = await primary(ns, "chat");
    return now !== "" && now !== first ? now : undefined;
  });
  const before = fleet.received;
  await eventuallyTrue("messages flow to everyone", { withinMs: 30_000 }, () => fleet.received - before > 60 * 20);
  const tookMs = performance.now() - killed;
  console.log(
    `from ${first} to ${second}; refused ${publisher.refusedTemporarily}; 20 messages to 60 clients after ${Math.round(tookMs)} ms`,
  );
  expect(tookMs).toBeLessThan(30_000);

  await eventuallyTrue("the killed one is back as a replica", { withinMs: 60_000 }, async () => {
    const pod = await getObject(ns.name, "pods", first);
    return pod.metadata.uid !== uid && (await readyPods(ns, "chat-redis-nodes")) === 3;
  });
  expect(await primary(ns, "chat")).toBe(second);
  expect(fleet.closes).toEqual([]);
  expect(publisher.failures).toEqual([]);
  expect(publisher.cut).toBe(0);
}, 240_000);
