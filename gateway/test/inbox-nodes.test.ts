import {
  callApi,
  eventually,
  type RedisServer,
  type RunningGateway,
  startGateway,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { INBOX_CONFIG, InboxClient, tokenOf } from "./inbox-client.ts";

/** The documented times, faster: a pod asks everybody until whoever lives has beaten. */
const LEASE = { beatIntervalMs: 600, deadAfterMs: 3_000, awayAfterMs: 1_200, graceMs: 3_600 };

/** Three gateways on one real Redis. */
let redis: RedisServer;
let gateways: readonly RunningGateway[];
let one: RunningGateway;
let two: RunningGateway;
let startedAtMs = 0;
beforeAll(async () => {
  redis = await startRedis();
  gateways = await Promise.all(
    ["pod-one", "pod-two", "pod-three"].map((podUid) =>
      startGateway({ redisUrl: redis.url, podUid, config: INBOX_CONFIG, leaseTiming: LEASE }),
    ),
  );
  const [first, second] = gateways;
  if (first === undefined || second === undefined) throw new Error("no gateways");
  [one, two] = [first, second];
  startedAtMs = performance.now();
});
afterAll(async () => {
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

async function metricOf(gateway: RunningGateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  return Number(new RegExp(`^belay_gateway_${name} (\\d+)`, "m").exec(text)?.[1] ?? 0);
}

/** Direct messages of the acceptance; `BELAY_INBOX_MESSAGES=10000` for the whole of it. */
const MESSAGES = Number(process.env["BELAY_INBOX_MESSAGES"] ?? 1000);
const USERS_PER_GATEWAY = 10;
/** Every message is sent twice, as a backend does that got no answer. */
const ATTEMPTS = 2;
/** Of every four users one is offline, and one has a client without the extension. */
const KINDS = ["extension", "offline", "plain", "extension"] as const;

interface Person {
  readonly user: string;
  readonly kind: (typeof KINDS)[number];
  readonly home: RunningGateway;
  readonly expected: number[];
}

test(
  "[INB12] direct messages to users on three nodes: only owning nodes are told of each, offline users find theirs on another node, exactly once with ack, at least once without",
  { timeout: 20_000 + MESSAGES * 20 },
  async () => {
    const people = gateways.flatMap((home, at) =>
      Array.from({ length: USERS_PER_GATEWAY }, (_, index): Person => {
        const kind = KINDS[index % KINDS.length] ?? "extension";
        return { user: `p-${at}-${index}`, kind, home, expected: [] };
      }),
    );
    const [clients, plain] = await connectAll(people);
    const nudgesBefore = await Promise.all(gateways.map((gateway) => metricOf(gateway, "inbox_nudges_total")));

    for (let from = 0; from < MESSAGES; from += 100) await sendBatch(people, from, Math.min(100, MESSAGES - from));

    // Clients of the extension acknowledge, leave and come to another node: nothing comes twice, nothing is missing.
    for (const [person, client] of clients) await client.waitFor(person.expected.length, 20_000);
    for (const [person, client] of plain)
      await client.waitForPayloads(`inbox:#${person.user}`, person.expected.length, 20_000);
    const nudges = await Promise.all(gateways.map((gateway) => metricOf(gateway, "inbox_nudges_total")));
    for (const [at, gateway] of gateways.entries()) {
      const own = people.filter(({ home, kind }) => home === gateway && kind !== "offline");
      const mine = own.reduce((sum, { expected }) => sum + expected.length, 0);
      const counted = (nudges[at] ?? 0) - (nudgesBefore[at] ?? 0);
      // At most one for each time that a message of this node's users was sent: no node is told of a user of another.
      expect(counted).toBeLessThanOrEqual(ATTEMPTS * mine);
      expect(counted).toBeGreaterThan(0);
    }
    await checkExtension(clients);
    await checkPlain(plain);
    for (const person of people.filter(({ kind }) => kind === "offline")) await checkOffline(person);
  },
);

type Clients<C> = readonly (readonly [Person, C])[];

async function connectAll(people: readonly Person[]): Promise<readonly [Clients<InboxClient>, Clients<TestClient>]> {
  const clients = people
    .filter(({ kind }) => kind === "extension")
    .map(async (person) => [person, await InboxClient.connect(person.home, person.user)] as const);
  const plain = people
    .filter(({ kind }) => kind === "plain")
    .map(async (person) => [person, await subscribed(person)] as const);
  const all = [await Promise.all(clients), await Promise.all(plain)] as const;
  await eventually("everybody is registered", 10_000, async () => {
    await using admin = quitting(new Redis(redis.url));
    // Before every node has written its own, all nodes are told of everything.
    const complete = await admin.redis.hlen("test:{L}:complete");
    const isYoung = performance.now() < startedAtMs + LEASE.deadAfterMs;
    return (
      !isYoung &&
      complete >= gateways.length &&
      (await admin.redis.keys("*}u:p-*")).length === all[0].length + all[1].length
    );
  });
  return all;
}

async function subscribed({ user, home }: Person, gateway = home): Promise<TestClient> {
  const client = await TestClient.connect(gateway.url, await tokenOf(gateway, user));
  await client.call({ subscribe: { channel: `inbox:#${user}` } });
  return client;
}

/** Through whatever node comes next; one user is sent to in order. */
async function sendBatch(people: readonly Person[], from: number, count: number): Promise<void> {
  const gateway = gateways[(from / 100) % gateways.length] ?? one;
  const commands = Array.from({ length: count }, (_, index) => {
    const person = people[(from + index) % people.length];
    person?.expected.push(from + index);
    return { inbox_send: { user: person?.user, data: from + index, idempotency_key: `m${from + index}` } };
  });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = (await callApi(gateway, "batch", { commands })) as { replies: readonly { error?: unknown }[] };
    expect(answer.replies.filter(({ error }) => error !== undefined)).toEqual([]);
  }
}

async function checkExtension(clients: Clients<InboxClient>): Promise<void> {
  for (const [{ user, home, expected }, client] of clients) {
    expect(client.payloads).toEqual(expected);
    expect(new Set(client.arrivals.map(({ epoch, offset }) => `${epoch} ${offset}`)).size).toBe(expected.length);
    await client.ackAll();
    await client[Symbol.asyncDispose]();
    await using again = await InboxClient.connect(elsewhere(home), user);
    await callApi(home, "inbox/send", { user, data: "last" });
    expect(await again.waitFor(1)).toEqual(["last"]);
  }
}

async function checkPlain(clients: Clients<TestClient>): Promise<void> {
  for (const [person, client] of clients) {
    const channel = `inbox:#${person.user}`;
    expect(client.payloads(channel)).toEqual(person.expected);
    await client[Symbol.asyncDispose]();
    // Nobody has acknowledged: everything comes again.
    await using again = await subscribed(person, elsewhere(person.home));
    expect(await again.waitForPayloads(channel, person.expected.length, 20_000)).toEqual(person.expected);
  }
}

async function checkOffline({ user, home, expected }: Person): Promise<void> {
  await using ann = await InboxClient.connect(elsewhere(home), user);
  expect(await ann.waitFor(expected.length, 20_000)).toEqual(expected);
  await ann.ackAll();
  await using again = await InboxClient.connect(home, user);
  await callApi(one, "inbox/send", { user, data: "last" });
  expect(await again.waitFor(1)).toEqual(["last"]);
}

function elsewhere(home: RunningGateway): RunningGateway {
  return gateways[(gateways.indexOf(home) + 1) % gateways.length] ?? home;
}

function quitting(client: Redis): AsyncDisposable & { readonly redis: Redis } {
  return { redis: client, [Symbol.asyncDispose]: async () => void (await client.quit()) };
}

test("[INB12] a message whose nudge is lost arrives with the next one", async () => {
  await using ann = await InboxClient.connect(one, "ann");
  // As if it had been written by a node that died before it could tell anybody.
  await using quiet = await startGateway({ redisUrl: redis.url, podUid: "pod-quiet", config: INBOX_CONFIG });
  await callApi(quiet, "inbox/send", { user: "ann", data: 1 });
  await ann.waitFor(1);
  await using admin = quitting(new Redis(redis.url));
  const owners = (await admin.redis.keys("*}u:ann"))[0] ?? "";
  const entries = await admin.redis.hgetall(owners);
  await admin.redis.del(owners);
  await callApi(two, "inbox/send", { user: "ann", data: 2 });
  await admin.redis.hset(owners, entries);
  await callApi(two, "inbox/send", { user: "ann", data: 3 });
  expect(await ann.waitFor(3)).toEqual([1, 2, 3]);
});

test("[INB8] [INB12] what is sent while a client connects is never missed", async () => {
  for (let round = 0; round < 20; round += 1) {
    const user = `racing-${round}`;
    const sending = Promise.all([1, 2, 3, 4, 5].map((n) => callApi(two, "inbox/send", { user, data: n })));
    await using ann = await InboxClient.connect(one, user);
    await sending;
    expect(new Set(await ann.waitFor(5))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(ann.arrivals.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5]);
  }
});
