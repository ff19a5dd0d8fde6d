import {
  callApi,
  callControl,
  eventually,
  type GatewayProcess,
  RoundRobin,
  startGatewayProcess,
  startRedis,
  TcpProxy,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import type { Client } from "../src/client.ts";
import { createClient } from "../src/create-client.ts";
import { httpStreamTransport } from "../src/http-stream-transport.ts";
import { sseTransport } from "../src/sse-transport.ts";
import type { Subscription } from "../src/subscription.ts";
import type { TransportFactory } from "../src/transport.ts";
import { webSocketTransport } from "../src/websocket-transport.ts";

const WITHIN_MS = 20_000;
const CLIENTS = 12;
/** Most have the first; every kind is there. */
const transports = [webSocketTransport, webSocketTransport, webSocketTransport, httpStreamTransport, sseTransport];
const config = {
  channels: {
    unprefixed: { allow: { publish: "authenticated" }, presence: true, joinLeave: "Always" },
    namespaces: [
      {
        name: "kept",
        allow: { publish: "authenticated" },
        history: { size: 1000, ttlSeconds: 300 },
        presence: true,
        joinLeave: "Always",
      },
    ],
  },
  limits: { maxConnectionsPerUser: 1 },
  handover: { resumeSeconds: 20 },
} as const;

interface Reader {
  readonly client: Client;
  readonly channel: Subscription;
  readonly shown: unknown[];
  readonly states: string[];
}

/** Two gateways as processes, and what stands before them. */
async function cluster(): Promise<{ readonly nodes: readonly GatewayProcess[]; readonly service: RoundRobin }> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const nodes = await Promise.all(
    ["pod-one", "pod-two"].map(async (podUid) => {
      const node = await startGatewayProcess({ redisUrl: redis.url, config, podUid });
      onTestFinished(() => node[Symbol.asyncDispose]());
      return node;
    }),
  );
  const service = await RoundRobin.start(nodes.map(portOf));
  onTestFinished(() => service[Symbol.asyncDispose]());
  return { nodes, service };
}

function portOf({ url }: GatewayProcess): number {
  return Number(new URL(url).port);
}

interface Reading {
  readonly secret: string;
  readonly user: string;
  readonly name: string;
  readonly transport?: TransportFactory;
}

async function read(service: { readonly port: number }, reading: Reading): Promise<Reader> {
  const { secret, user, name, transport = webSocketTransport } = reading;
  const token = await new SignJWT({ sub: user })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
  const client = createClient({ endpoint: `ws://127.0.0.1:${service.port}`, token, transports: [transport] });
  onTestFinished(() => client.disconnect());
  const channel = client.channel(name, { joinLeave: true });
  const shown: unknown[] = [];
  const states: string[] = [];
  channel.on("publication", ({ data }) => shown.push(data));
  channel.on("reset", ({ reason }) => shown.push(reason));
  channel.on("leave", ({ user: left }) => shown.push(`${left} left`));
  client.on("state", (state) => states.push(state.name));
  channel.subscribe();
  client.connect();
  await channel.ready();
  return { client, channel, shown, states };
}

async function drainStatus(node: GatewayProcess): Promise<Readonly<Record<"atStart" | "remaining", number>>> {
  return (await (await callControl(node, "/drain")).json()) as { atStart: number; remaining: number };
}

test("[SDK30] [SDK31] a drained gateway hands its clients over while they publish: once, in order, and nobody sees a leave", async () => {
  const { nodes, service } = await cluster();
  const [first, second] = nodes;
  if (first === undefined || second === undefined) throw new Error("there are two");
  const channels = ["kept:a", "plain"];
  const readers = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) =>
      read(service, {
        secret: first.hmacSecret,
        user: `user ${index}`,
        name: channels[index % 2] ?? "",
        transport: transports[index % transports.length] ?? webSocketTransport,
      }),
    ),
  );
  expect(new Set(readers.map(({ client }) => client.inspect().node)).size).toBe(2);
  const ids = readers.map(({ client }) => client.id);
  // New connections go to the second only, as behind a Service.
  service.remove(portOf(first));
  const made: Promise<void>[] = [];
  const expected = new Map<string, number>(channels.map((name) => [name, 0]));
  const publishOnce = (): void => {
    for (const [index, { channel }] of readers.entries()) {
      const number = (expected.get(channel.channel) ?? 0) + 1;
      expected.set(channel.channel, number);
      made.push(channel.publish({ from: index, number }));
    }
  };
  publishOnce();
  await callControl(first, "/drain", { term: 1, deadlineSeconds: 15, ratePerSecond: 4, reason: "rollout" });
  await eventually("the first is empty", WITHIN_MS, async () => {
    publishOnce();
    return (await drainStatus(first)).remaining === 0;
  });
  await callApi(second, "broadcast", { channels, data: "end" });
  await Promise.all(made);
  await eventually("everybody has the end", WITHIN_MS, () => readers.every(({ shown }) => shown.includes("end")));
  const status = await drainStatus(first);
  expect(status).toMatchObject({ closed: 0, forced: 0, moved: status.atStart });
  expect(readers.map(({ client }) => client.id)).toEqual(ids);
  for (const { channel, shown, states } of readers) {
    expect(states.filter((name) => name === "reconnecting")).toEqual([]);
    expect(shown.filter((each) => typeof each === "string")).toEqual(["end"]);
    expect(shown).toHaveLength((expected.get(channel.channel) ?? 0) + 1);
    // All readers of a channel see the same, in the same order.
    expect(shown).toEqual(readers.find((other) => other.channel.channel === channel.channel)?.shown);
  }
});

test("[SDK25] a client whose connection was cut goes on under its id, misses nothing that is kept, and nobody sees a leave", async () => {
  const { nodes, service } = await cluster();
  const [first] = nodes;
  if (first === undefined) throw new Error("there are two");
  const proxy = await TcpProxy.start(service.port);
  const { hmacSecret: secret } = first;
  const watcher = await read(service, { secret, user: "watcher", name: "kept:a" });
  const reader = await read(proxy, { secret, user: "ann", name: "kept:a" });
  const { id } = reader.client;
  proxy.cut();
  await eventually("the loss is seen", WITHIN_MS, () => reader.states.includes("reconnecting"));
  for (const data of [1, 2, 3]) await callApi(first, "publish", { channel: "kept:a", data });
  proxy.mend();
  await reader.channel.ready();
  await callApi(first, "publish", { channel: "kept:a", data: 4 });
  for (const { shown } of [reader, watcher]) {
    await eventually("the last is shown", WITHIN_MS, () => shown.includes(4));
    expect(shown).toEqual([1, 2, 3, 4]);
  }
  expect(reader.client.id).toBe(id);
});
