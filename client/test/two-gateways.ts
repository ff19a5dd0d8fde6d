import { setTimeout as sleep } from "node:timers/promises";
import {
  callApi,
  eventually,
  type GatewayAccess,
  type GatewayProcess,
  type GatewayTestOptions,
  startGatewayProcess,
  startRedis,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished } from "vitest";
import { type Client, createClient, type TraceEvent } from "../src/index.ts";

const CHANNELS = Array.from({ length: 20 }, (_, n) => `kept:${n}`);
const PER_USER = 5;
const namespaces = [{ name: "kept", history: { size: 10_000, ttlSeconds: 300 } }];

/** Where the clients are let in; each attempt to open a WebSocket is noted. */
class Entrance {
  readonly attemptsMs: number[] = [];
  #url: string;

  constructor({ url }: GatewayAccess) {
    this.#url = url;
  }

  moveTo({ url }: GatewayAccess): void {
    this.#url = url;
  }

  get environment(): typeof globalThis {
    const open = (): WebSocket => {
      this.attemptsMs.push(performance.now());
      return new WebSocket(this.#url);
    };
    return Object.assign(Object.create(globalThis) as typeof globalThis, {
      WebSocket: new Proxy(WebSocket, { construct: open }),
    });
  }

  /** Most attempts within any second since then. */
  peakPerSecond(sinceMs: number): number {
    const times = this.attemptsMs.filter((atMs) => atMs >= sinceMs);
    let first = 0;
    return times.reduce((peak, atMs, index) => {
      while (atMs - (times[first] ?? atMs) > 1000) first += 1;
      return Math.max(peak, index - first + 1);
    }, 0);
  }
}

export interface Reader {
  readonly client: Client;
  readonly channel: string;
  readonly ids: number[];
  readonly problems: string[];
  /** Codes with which connect was refused. */
  readonly refusals: number[];
}

async function readerOf(gateway: GatewayAccess, entrance: Entrance, index: number): Promise<Reader> {
  const token = await new SignJWT({ sub: `user-${Math.floor(index / PER_USER)}` })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(gateway.hmacSecret));
  const refusals: number[] = [];
  const trace = (event: TraceEvent): void => {
    if (event.type === "refused") refusals.push(event.error.code);
  };
  const client = createClient({ endpoint: gateway.url, token, environment: entrance.environment, trace });
  onTestFinished(() => client.disconnect());
  const channel = CHANNELS[index % CHANNELS.length] ?? "";
  const reader: Reader = { client, channel, ids: [], problems: [], refusals };
  const subscription = client.channel(channel);
  subscription.on("publication", ({ data }) => reader.ids.push(data as number));
  subscription.on("reset", ({ reason }) => reader.problems.push(`reset: ${reason}`));
  client.on("state", (state) => {
    if (state.name === "closed") reader.problems.push(`closed: ${state.reason.code}`);
  });
  subscription.subscribe();
  client.connect();
  return reader;
}

/** Publishes 1, 2, 3 … to each channel in turn; resolves to the newest id when it is stopped. */
export function keepPublishing(gateway: GatewayAccess): { stop: () => Promise<number> } {
  let id = 0;
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      id += 1;
      for (const channel of CHANNELS) await callApi(gateway, "publish", { channel, data: id });
      await sleep(200);
    }
  };
  const done = run();
  const stop = async (): Promise<number> => {
    stopping.abort();
    await done;
    return id;
  };
  onTestFinished(async () => void (await stop()));
  return { stop };
}

export interface Pair {
  readonly victim: GatewayProcess;
  readonly survivor: GatewayProcess;
  readonly entrance: Entrance;
  readonly readers: readonly Reader[];
}

type Limits = NonNullable<GatewayTestOptions["config"]>["limits"];

/** Two gateways, with all clients on one of them, and users that have no place left. */
export async function pair(limits: Limits, count: number, openPerSecond: number): Promise<Pair> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const config = { channels: { namespaces }, limits: { ...limits, maxConnectionsPerUser: PER_USER } };
  const [victim, survivor] = await Promise.all(
    ["victim", "survivor"].map(async (podUid) => {
      const gateway = await startGatewayProcess({ redisUrl: redis.url, config, podUid });
      onTestFinished(() => gateway[Symbol.asyncDispose]());
      return gateway;
    }),
  );
  if (victim === undefined || survivor === undefined) throw new Error("there are two");
  const entrance = new Entrance(victim);
  const readers: Reader[] = [];
  for (let index = 0; index < count; index += 1) {
    readers.push(await readerOf(victim, entrance, index));
    await sleep(1000 / openPerSecond);
  }
  await eventually("all are subscribed", 60_000, () => areSubscribed(readers));
  return { victim, survivor, entrance, readers };
}

export function areSubscribed(readers: readonly Reader[]): boolean {
  return readers.every(({ client, channel }) => client.channel(channel).state.name === "subscribed");
}

/** Waits until everybody was shown the newest, and checks that each got every id once and in order, and was told of no loss. */
export async function checkShown(readers: readonly Reader[], newest: number): Promise<void> {
  await eventually("everything is shown", 30_000, () => readers.every(({ ids }) => ids.at(-1) === newest));
  const gaps = readers.filter(({ ids }) => ids.some((id, at) => at > 0 && id !== (ids[at - 1] ?? 0) + 1));
  expect(gaps.length).toBe(0);
  expect(readers.flatMap(({ problems }) => problems)).toEqual([]);
}
