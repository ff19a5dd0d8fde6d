import {
  callApi,
  eventually,
  type GatewayAccess,
  type RunningGateway,
  startGateway,
  startGatewayProcess,
  startRedis,
  TcpProxy,
  TestClient,
} from "@belay/testkit";
import { Centrifuge } from "centrifuge";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { clientOf } from "./redis-failover.ts";

/** In full: BELAY_KILLED_SOCKETS=1000, with the documented times of leases. */
const SOCKETS = Number(process.env["BELAY_KILLED_SOCKETS"] ?? 200);
const isFull = SOCKETS >= 1_000;
/** The documented times, five times faster. */
const timing = isFull
  ? {}
  : { leaseTiming: { beatIntervalMs: 600, deadAfterMs: 2_000, awayAfterMs: 1_200, graceMs: 2_400 } };
const LIMIT = 5;
/** Half of the sockets are of users at their limit, half of users with one. */
const AT_LIMIT = Array.from({ length: SOCKETS / 2 / LIMIT }, (_, n) => `full-${n}`);
const ALONE = Array.from({ length: SOCKETS / 2 }, (_, n) => `alone-${n}`);
const ROOMS = 10;
const config = {
  channels: { namespaces: [{ name: "room", presence: true, allow: { subscribe: "anonymous" } }] },
  limits: { maxConnectionsPerUser: LIMIT },
} as const;

function tokenOf(gateway: GatewayAccess, user: string): Promise<string> {
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(secret);
}

/** Undefined when it was let in, else why not. */
async function enter(gateway: GatewayAccess, user: string, room: string): Promise<number | undefined> {
  const client = await TestClient.open(gateway.url);
  onTestFinished(() => client.socket.terminate());
  const { error } = await client.call({ connect: { token: await tokenOf(gateway, user) } });
  if (error === undefined) await client.call({ subscribe: { channel: room } });
  return error?.code;
}

interface SdkUser {
  readonly sdk: Centrifuge;
  readonly refusals: number[];
  connects: number;
}

/** An unmodified SDK with its own delays, which knows one address. */
async function sdkOf(gateway: GatewayAccess, port: number, user: string): Promise<SdkUser> {
  const sdk = new Centrifuge(`ws://127.0.0.1:${port}/connection/websocket`, {
    websocket: WebSocket,
    token: await tokenOf(gateway, user),
  });
  onTestFinished(() => sdk.disconnect());
  const one: SdkUser = { sdk, refusals: [], connects: 0 };
  sdk.on("error", ({ error }) => void (error.code >= 100 && one.refusals.push(error.code)));
  sdk.on("connected", () => (one.connects += 1));
  sdk.newSubscription("room:sdk").subscribe();
  sdk.connect();
  await sdk.ready(10_000);
  return one;
}

async function inBatches<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += 50)
    results.push(...(await Promise.all(items.slice(from, from + 50).map((item, n) => work(item, from + n)))));
  return results;
}

/** Of all connections of these users but one each, which is an SDK's. */
const SEATS = AT_LIMIT.flatMap((user) => Array.from({ length: LIMIT - 1 }, () => user));
const seat =
  (gateway: GatewayAccess) =>
  (user: string, index: number): Promise<number | undefined> =>
    enter(gateway, user, `room:${index % ROOMS}`);

async function members(gateway: RunningGateway): Promise<number> {
  const rooms = [...Array.from({ length: ROOMS }, (_, n) => `room:${n}`), "room:sdk"];
  const stats = await Promise.all(rooms.map((channel) => callApi(gateway, "presence_stats", { channel })));
  return (stats as { result: { num_clients: number } }[]).reduce((sum, { result }) => sum + result.num_clients, 0);
}

test(
  "[RG16] [LIM21] a gateway is killed with users at their limit: who is back at once is never refused for a ghost, with an unmodified SDK too; then registry, presence and limits are exact",
  { timeout: 60_000 + SOCKETS * 60 },
  async () => {
    const redis = await startRedis();
    const client = clientOf(redis);
    const shared = { redisUrl: redis.url, config, ...timing };
    await using one = await startGateway({ ...shared, podUid: "one" });
    await using two = await startGateway({ ...shared, podUid: "two" });
    await using victim = await startGatewayProcess({ ...shared, podUid: "victim" });
    const address = await TcpProxy.start(Number(new URL(victim.url).port));
    const sdks = await inBatches(AT_LIMIT, (user) => sdkOf(victim, address.port, user));
    expect((await inBatches(SEATS, seat(victim))).filter((code) => code !== undefined)).toEqual([]);
    await inBatches(ALONE, (user, index) => enter(victim, user, `room:${index % ROOMS}`));
    // They are at the limit: whoever comes is refused, wherever.
    const over = await inBatches(AT_LIMIT, (user, index) => enter(index % 2 === 0 ? one : victim, user, "room:0"));
    expect(over).toEqual(AT_LIMIT.map(() => 111));
    await eventually("the grace is over", 30_000, async () => (await client.get("test:{L}:calm")) === null);

    victim.process.kill("SIGKILL");
    const killedAtMs = performance.now();
    address.moveTo(Number(new URL(one.url).port));
    const back = await Promise.all(SEATS.map(seat(two)));
    const backMs = Math.round(performance.now() - killedAtMs);
    await eventually("the SDKs are back", 20_000, () => sdks.every(({ connects }) => connects === 2));
    const sdkMs = Math.round(performance.now() - killedAtMs);
    expect(back.filter((code) => code !== undefined)).toEqual([]);
    expect(sdks.flatMap(({ refusals }) => refusals)).toEqual([]);
    await eventually("no ghost is left", 20_000, async () => {
      const [ghosts, users, inRooms] = [
        await client.keys("test:*p:victim:*"),
        await client.keys("test:*}u:*"),
        await members(one),
      ];
      return ghosts.length === 0 && users.length === AT_LIMIT.length && inRooms === AT_LIMIT.length * LIMIT;
    });
    const sweptMs = Math.round(performance.now() - killedAtMs);
    console.log(
      `${SOCKETS} sockets, ${AT_LIMIT.length} users at their limit: ${back.length} sockets back in ${backMs} ms, ` +
        `their SDKs in ${sdkMs} ms, none refused; no ghost after ${sweptMs} ms`,
    );
    const counts = await Promise.all(
      AT_LIMIT.map(async (user) => client.hlen((await client.keys(`test:*}u:${user}`))[0] ?? "")),
    );
    expect(counts).toEqual(AT_LIMIT.map(() => LIMIT));
    expect(await inBatches(AT_LIMIT, (user, index) => enter(index % 2 === 0 ? one : two, user, "room:0"))).toEqual(
      AT_LIMIT.map(() => 111),
    );
  },
);
