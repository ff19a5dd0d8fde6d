import { expect, test } from "vitest";
import { eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { getObject } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";
import { Publisher } from "../publisher.ts";

async function secret(ns: given.Namespace): Promise<Readonly<Record<string, string>>> {
  const { data } = await getObject<{ data: Record<string, string> }>(ns.name, "secrets", "chat-redis");
  const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString("utf8")]);
  return Object.fromEntries(entries) as Record<string, string>;
}

function redisCli(ns: given.Namespace, password: string, command: string): Promise<string> {
  const script = `REDISCLI_AUTH=${password} exec redis-cli ${command} 2>&1`;
  return kubectl(["-n", ns.name, "exec", "chat-redis-0", "--", "sh", "-c", script]);
}

/** Ids of the gateways' connections: a connection that was lost and made anew has another one. */
async function connections(ns: given.Namespace, password: string): Promise<readonly string[]> {
  const lines = (await redisCli(ns, password, "CLIENT LIST")).split("\n").filter((line) => /name=belay/.test(line));
  return lines.flatMap((line) => /\bid=(\d+)/.exec(line)?.[1] ?? []);
}

test("another password of a managed Redis: no socket and no connection to Redis is lost, and the old one ends", async () => {
  await using ns = await given.namespace("e2e-password");
  await given.realtimeCluster(ns, "chat", { replicas: 2, auth: { anonymous: true } });
  const { url } = await given.readyCluster(ns, "chat");
  await using fleet = await Fleet.open({ url, count: 60, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 15_000 }, () => fleet.connected === 60);
  const options = { url, apiKey: await given.apiKey(ns, "chat"), channel: "news", perSecond: 20 };
  await using publisher = Publisher.start(options);
  await eventuallyTrue("messages flow", { withinMs: 10_000 }, () => fleet.received > 500);
  const { password: old = "" } = await secret(ns);
  const before = await connections(ns, old);
  expect(before.length).toBeGreaterThan(3);

  await given.patchCluster(ns, "chat", { redis: { type: "managed", passwordVersion: 2 } });
  const { tookMs } = await eventuallyTrue("the old password is gone", { withinMs: 60_000 }, async () => {
    const now = await secret(ns);
    return now["password"] !== old && !("previous-password" in now) && !("next-password" in now);
  });
  const { password: changed = "" } = await secret(ns);
  console.log(`password changed in ${tookMs} ms`);
  expect(await redisCli(ns, old, "PING")).toMatch(/WRONGPASS|NOAUTH/);
  expect(await connections(ns, changed).then((ids) => ids.toSorted())).toEqual(before.toSorted());
  expect(publisher.failures).toEqual([]);
  expect(publisher.cut).toBe(0);
  expect(publisher.refusedTemporarily).toBe(0);

  // Connections that are made now are made with the new one.
  await redisCli(ns, changed, "CLIENT KILL TYPE normal SKIPME yes");
  await redisCli(ns, changed, "CLIENT KILL TYPE pubsub");
  await eventuallyTrue("connected anew", { withinMs: 20_000 }, async () => {
    const now = await connections(ns, changed);
    return now.length >= before.length && now.every((id) => !before.includes(id));
  });
  const seen = fleet.received;
  await eventuallyTrue("messages flow again", { withinMs: 20_000 }, () => fleet.received - seen > 60 * 10);
  expect(fleet.closes).toEqual([]);
}, 180_000);
