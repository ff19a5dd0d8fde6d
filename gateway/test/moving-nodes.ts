import type { GatewayConfig } from "@belay/protocol/control";
import {
  callApi,
  callControl,
  type GatewayAccess,
  type GatewayTestOptions,
  startGateway,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished } from "vitest";
import { MovingClient } from "./moving-client.ts";

/** Channels with and without a history, in both of which others see who comes and goes; one connection a user. */
export const MOVING_CONFIG: GatewayConfig = {
  channels: {
    unprefixed: { presence: true, joinLeave: "Always" },
    namespaces: [
      { name: "kept", history: { size: 100, ttlSeconds: 300 }, presence: true, joinLeave: "Always" },
      { name: "plain", allow: { publish: "authenticated" } },
    ],
  },
  limits: { maxConnectionsPerUser: 1 },
  handover: { resumeSeconds: 30 },
};

/** Gateways on one Redis, gone with the test. */
export async function startNodes(
  options: GatewayTestOptions = {},
): Promise<readonly [GatewayAccess, GatewayAccess, GatewayAccess]> {
  const redis = await startRedis();
  onTestFinished(() => redis[Symbol.asyncDispose]());
  const start = async (podUid: string): Promise<GatewayAccess> => {
    const gateway = await startGateway({ redisUrl: redis.url, config: MOVING_CONFIG, podUid, ...options });
    onTestFinished(() => gateway[Symbol.asyncDispose]());
    return gateway;
  };
  return Promise.all([start("pod-one"), start("pod-two"), start("pod-three")]);
}

export function tokenOf({ hmacSecret }: GatewayAccess, user: string, claims: object = {}): Promise<string> {
  return new SignJWT({ sub: user, ...claims })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(hmacSecret));
}

/** A client with subscriptions that somebody else has seen coming. */
export interface Seen {
  readonly client: MovingClient;
  readonly token: string;
  readonly watcher: TestClient;
}

export async function connectSeen(
  { here, watchedFrom }: { readonly here: GatewayAccess; readonly watchedFrom: GatewayAccess },
  user: string,
  channels: readonly string[],
): Promise<Seen> {
  const token = await tokenOf(here, user);
  const watcher = await TestClient.connect(watchedFrom.url, await tokenOf(here, `watcher of ${user}`));
  onTestFinished(() => watcher.socket.terminate());
  for (const channel of channels) await watcher.call({ subscribe: { channel, joinLeave: true } });
  const client = await MovingClient.connect(here.url, { token });
  onTestFinished(() => client.wire.socket.terminate());
  for (const channel of channels)
    expect((await client.subscribe(channel, { recoverable: true })).error).toBeUndefined();
  for (const channel of channels) await watcher.waitFor("join", (message) => isComing(message, channel, client.client));
  return { client, token, watcher };
}

/** How often others were told that a client came or went. */
export function comings({ watcher, client }: Seen, channel: string): number {
  return watcher.received.filter((message) => isComing(message, channel, client.client)).length;
}

function isComing(message: object, channel: string, client: string): boolean {
  const { push } = message as { push?: Record<string, unknown> };
  const about = (push?.["join"] ?? push?.["leave"]) as { info?: { client?: string } } | undefined;
  return push?.["channel"] === channel && about?.info?.client === client;
}

export async function presentIn(gateway: GatewayAccess, channel: string): Promise<readonly string[]> {
  const { result } = (await callApi(gateway, "presence", { channel })) as { result: { presence: object } };
  return Object.keys(result.presence);
}

let terms = 0;

/** Asks the clients of a gateway to move, one or all of them soon. */
export async function askToMove(gateway: GatewayAccess, term?: number): Promise<void> {
  terms += 1;
  const request = { term: term ?? 100 + terms, deadlineSeconds: 60, ratePerSecond: 1_000, reason: "rollout" };
  expect((await callControl(gateway, "/drain", request)).status).toBe(200);
}

/** Follows a goaway as far as the connect reply of the other gateway. */
export async function arriveAt(there: GatewayAccess, { client, token }: Seen): Promise<MovingClient> {
  const next = await MovingClient.continue(there.url, client, { secret: await client.goaway(), token });
  onTestFinished(() => next.wire.socket.terminate());
  return next;
}

/** Follows a goaway to the end. */
export async function move(from: Seen, there: GatewayAccess): Promise<MovingClient> {
  const next = await arriveAt(there, from);
  const channels = next.granted?.moved ?? {};
  expect(await from.client.rpc("belay:barrier", { channels })).toMatchObject({ rpc: { data: {} } });
  expect((await next.rpc("belay:moved")).error).toBeUndefined();
  from.client.wire.socket.close(1000);
  return next;
}

/** Publishes 1, 2, 3 … to each of some channels until it is stopped. */
export class Publishing implements AsyncDisposable {
  /** The newest that was published everywhere. */
  published = 0;
  readonly #gateway: GatewayAccess;
  readonly #channels: readonly string[];
  readonly #done: Promise<void>;
  #isStopped = false;

  constructor(gateway: GatewayAccess, channels: readonly string[]) {
    this.#gateway = gateway;
    this.#channels = channels;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const data = this.published + 1;
      await Promise.all(this.#channels.map((channel) => callApi(this.#gateway, "publish", { channel, data })));
      this.published = data;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
