import {
  callApi,
  eventually,
  type GatewayAccess,
  type GatewayProcess,
  startGatewayProcess,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { clientOf } from "./redis-failover.ts";

/** In full: BELAY_AWAY_SOCKETS=3000, with the documented times of leases and 15 s away. */
const SOCKETS = Number(process.env["BELAY_AWAY_SOCKETS"] ?? 300);
const isFull = SOCKETS >= 3_000;
const AWAY_MS = isFull ? 15_000 : 3_000;
/** The documented times, five times faster. */
const timing = isFull
  ? {}
  : { leaseTiming: { beatIntervalMs: 600, deadAfterMs: 2_000, awayAfterMs: 1_200, graceMs: 2_400 } };
const ROOMS = 10;
const PODS = ["one", "two", "three"];
const config = {
  channels: {
    namespaces: [{ name: "room", presence: true, joinLeave: "OnRequest", allow: { subscribe: "anonymous" } }],
  },
  limits: { maxConnections: 10_000 },
} as const;

async function openSockets(gateways: readonly GatewayAccess[]): Promise<readonly TestClient[]> {
  const opened: TestClient[] = [];
  onTestFinished(() => opened.forEach(({ socket }) => socket.terminate()));
  const open = async (index: number): Promise<void> => {
    const gateway = gateways[index % gateways.length];
    if (gateway === undefined) return;
    const jwt = new SignJWT({ sub: `user-${index}` }).setProtectedHeader({ alg: "HS256" });
    const client = await TestClient.connect(gateway.url, await jwt.sign(new TextEncoder().encode(gateway.hmacSecret)));
    opened.push(client);
    await client.call({ subscribe: { channel: `room:${index % ROOMS}` } });
  };
  for (let from = 0; from < SOCKETS; from += 50)
    await Promise.all(Array.from({ length: Math.min(50, SOCKETS - from) }, (_, n) => open(from + n)));
  return opened;
}

const swept = (gateways: readonly GatewayProcess[]): readonly object[] =>
  gateways.flatMap(({ log }) => log.filter(({ msg }) => msg === "swept the entries of a dead pod"));

test(
  "[RG11] Redis is away for longer than a lease, hung and then killed, with three pods full of sockets: nobody is swept, nobody leaves, no socket closes",
  { timeout: 60_000 + SOCKETS * 40 },
  async () => {
    const redis = await startRedis({ persistent: true });
    const client = clientOf(redis);
    const gateways = await Promise.all(
      PODS.map((podUid) => startGatewayProcess({ redisUrl: redis.url, podUid, config, ...timing })),
    );
    for (const gateway of gateways) onTestFinished(() => gateway[Symbol.asyncDispose]());
    const [first] = gateways;
    if (first === undefined) throw new Error("no gateway");
    const listener = await TestClient.connect(first.url);
    onTestFinished(() => listener.socket.terminate());
    for (let room = 0; room < ROOMS; room += 1)
      await listener.call({ subscribe: { channel: `room:${room}`, join_leave: true } });
    const sockets = await openSockets(gateways);
    const state = async (): Promise<unknown> => {
      const stats = Array.from({ length: ROOMS }, (_, room) =>
        callApi(first, "presence_stats", { channel: `room:${room}` }),
      );
      const members = ((await Promise.all(stats)) as { result?: { num_clients: number } }[]).map(
        ({ result }) => result?.num_clients,
      );
      const users = await client.keys("test:*}u:user-*");
      return { pods: (await client.hkeys("test:{L}:pods")).toSorted(), users: users.length, members };
    };
    const whole = {
      pods: PODS.toSorted(),
      users: SOCKETS,
      members: Array.from({ length: ROOMS }, () => SOCKETS / ROOMS + 1),
    };
    await eventually("all are written", 20_000, async () => JSON.stringify(await state()) === JSON.stringify(whole));
    await eventually("the grace is over", 30_000, async () => (await client.get("test:{L}:calm")) === null);

    for (const end of ["hangs", "is killed"]) {
      if (end === "hangs") redis.pause();
      else await redis.kill();
      await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
      if (end === "hangs") redis.resume();
      else await redis.start();
      await eventually(
        "all pods are back",
        20_000,
        async () => (await client.hlen("test:{L}:complete")) === PODS.length,
      );
      await eventually("all are written", 20_000, async () => JSON.stringify(await state()) === JSON.stringify(whole));
      await eventually("the grace is over", 30_000, async () => (await client.get("test:{L}:calm")) === null);
      expect(await state()).toEqual(whole);
    }
    // A run of Redis costs each pod its term; what is swept then is the former one, without a member in it.
    expect(swept(gateways).filter((line) => "members" in line && line.members !== 0)).toEqual([]);
    expect(listener.received.filter(({ push }) => push !== undefined && "leave" in push)).toEqual([]);
    expect(sockets.filter(({ socket }) => socket.readyState !== 1)).toEqual([]);
    console.log(`${SOCKETS} sockets, away ${AWAY_MS} ms twice: ${swept(gateways).length} former terms swept`);
  },
);
