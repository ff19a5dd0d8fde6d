import { eventually, type GatewayProcess, RoundRobin, startGatewayProcess, startRedis } from "@belay/testkit";
import { Centrifuge, State } from "centrifuge";
import { Agent, EventSource, fetch as undiciFetch } from "undici";
import { expect, test } from "vitest";

/** Acceptance 3: any node serves any client, 0 misrouted, 0 accepted for a session that is gone. */
const CLIENTS = 200;
const ROUNDS = 5;

/** POSTs of SDKs, each on a connection of its own, so that the next one goes to another node; and how they ended. */
class Posts {
  readonly statuses = new Map<number, number>();
  readonly bodies: string[] = [];
  readonly #agent = new Agent({ pipelining: 0 });

  readonly fetch = async (url: string, init: { readonly body: string }): Promise<unknown> => {
    const response = await undiciFetch(url, { ...init, dispatcher: this.#agent });
    if (url.endsWith("/emulation")) {
      this.statuses.set(response.status, (this.statuses.get(response.status) ?? 0) + 1);
      this.bodies.push(init.body);
    }
    return response;
  };

  /** Sends every address that was ever posted to again, without an SDK. */
  async replay(httpUrl: string): Promise<ReadonlyMap<number, number>> {
    const addresses = new Set(
      this.bodies.map((body) => JSON.stringify({ ...(JSON.parse(body) as object), data: "{}" })),
    );
    const statuses = new Map<number, number>();
    for (const body of addresses) {
      const { status } = await undiciFetch(`${httpUrl}/emulation`, { method: "POST", body, dispatcher: this.#agent });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    return statuses;
  }
}

function sdk(port: number, transport: "sse" | "http_stream", posts: Posts): Centrifuge {
  const httpUrl = `http://127.0.0.1:${port}`;
  return new Centrifuge([{ transport, endpoint: `${httpUrl}/connection/${transport}` }], {
    emulationEndpoint: `${httpUrl}/emulation`,
    eventsource: EventSource,
    fetch: posts.fetch,
    readableStream: ReadableStream,
    // Two cores carry three nodes, Redis and all of these.
    timeout: 20_000,
  });
}

async function nodes(redisUrl: string): Promise<readonly GatewayProcess[]> {
  return Promise.all(["pod-a", "pod-b", "pod-c"].map((podUid) => startGatewayProcess({ redisUrl, podUid })));
}

function portOf({ httpUrl }: GatewayProcess): number {
  return Number(new URL(httpUrl).port);
}

/** A connected client with a channel of its own: what it publishes comes back to it, and to nobody else. */
async function converse(client: Centrifuge, name: string): Promise<readonly unknown[]> {
  const subscription = client.newSubscription(`own-${name}`);
  const got: unknown[] = [];
  subscription.on("publication", ({ data }) => got.push(data));
  subscription.subscribe();
  client.connect();
  await subscription.ready(30_000);
  for (let round = 0; round < ROUNDS; round++) await subscription.publish(`${name} ${round}`);
  await eventually(`${name} heard itself`, 20_000, () => got.length >= ROUNDS);
  return got;
}

test("[EMU1] [EMU2] 200 SDK clients over SSE and HTTP streams, three nodes behind a round robin: 0 misrouted, 0 accepted for a session that is gone", async () => {
  await using redis = await startRedis();
  const pods = await nodes(redis.url);
  await using proxy = await RoundRobin.start(pods.map((pod) => portOf(pod)));
  const posts = new Posts();
  const clients = Array.from({ length: CLIENTS }, (_, n) =>
    sdk(proxy.port, n % 2 === 0 ? "sse" : "http_stream", posts),
  );
  const errors: unknown[] = [];
  for (const client of clients) client.on("error", (context) => errors.push(context));
  try {
    const heard = await Promise.all(clients.map((client, n) => converse(client, String(n))));
    for (const [n, got] of heard.entries())
      expect(got).toEqual(Array.from({ length: ROUNDS }, (_, round) => `${n} ${round}`));
    expect(errors).toEqual([]);
    expect(clients.every(({ state }) => state === State.Connected)).toBe(true);
    expect([...posts.statuses.keys()]).toEqual([204]);
    // The owners' own counters say the same: nothing went astray, and most frames came by another node.
    const owned = new Set(posts.bodies.map((body) => (JSON.parse(body) as { node: string }).node));
    expect([...owned].toSorted()).toEqual(["pod-a", "pod-b", "pod-c"]);
    expect(posts.bodies.length).toBeGreaterThanOrEqual(CLIENTS * (ROUNDS + 1));

    for (const client of clients.slice(0, CLIENTS / 2)) client.disconnect();
    await eventually("half of the streams gone", 10_000, async () => (await connections(pods)) === CLIENTS / 2);
    const before = posts.bodies.length;
    const replayed = await posts.replay(`http://127.0.0.1:${proxy.port}`);
    expect([replayed.get(204), replayed.get(404), replayed.size]).toEqual([CLIENTS / 2, CLIENTS / 2, 2]);
    expect(posts.bodies).toHaveLength(before);
  } finally {
    for (const client of clients) client.disconnect();
    await Promise.all(pods.map((pod) => pod[Symbol.asyncDispose]()));
  }
}, 180_000);

test("[EMU2] clients of a node that dies are told by their next POST, and are served by the others", async () => {
  await using redis = await startRedis();
  const pods = await nodes(redis.url);
  await using proxy = await RoundRobin.start(pods.map((pod) => portOf(pod)));
  const posts = new Posts();
  const clients = Array.from({ length: 30 }, (_, n) => sdk(proxy.port, n % 2 === 0 ? "sse" : "http_stream", posts));
  try {
    await Promise.all(clients.map((client, n) => converse(client, String(n))));
    const [dead] = pods;
    if (dead === undefined) throw new Error("no pod");
    proxy.remove(portOf(dead));
    await dead[Symbol.asyncDispose]();
    const addresses = new Set(posts.bodies.map((body) => (JSON.parse(body) as { node: string }).node));
    expect(addresses.has("pod-a")).toBe(true);
    // Its lease has not ended yet: nobody can know, but nobody says yes.
    const stale = posts.bodies.filter((body) => (JSON.parse(body) as { node: string }).node === "pod-a").slice(0, 5);
    const answers = await Promise.all(
      stale.map((body) => undiciFetch(`http://127.0.0.1:${proxy.port}/emulation`, { method: "POST", body })),
    );
    expect(answers.map(({ status }) => status).filter((status) => status !== 404 && status !== 503)).toEqual([]);
    await eventually("everybody served by the two others", 30_000, async () => {
      return clients.every(({ state }) => state === State.Connected) && (await connections(pods.slice(1))) === 30;
    });
    await eventually("the dead node is known to be gone", 20_000, async () => {
      const [body] = stale;
      const { status } = await undiciFetch(`http://127.0.0.1:${proxy.port}/emulation`, {
        method: "POST",
        body: body ?? "",
      });
      return status === 404;
    });
  } finally {
    for (const client of clients) client.disconnect();
    await Promise.all(pods.map((pod) => pod[Symbol.asyncDispose]()));
  }
}, 120_000);

async function connections(pods: readonly GatewayProcess[]): Promise<number> {
  const counts = await Promise.all(
    pods.map(async ({ httpUrl }) => {
      const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
      return Number(/^belay_gateway_connections (\d+)$/m.exec(metrics)?.[1]);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
