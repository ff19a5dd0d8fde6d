import {
  callApi,
  callControl,
  eventually,
  startGateway,
  startGatewayProcess,
  startRedis,
  TestClient,
} from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { MovingClient } from "./moving-client.ts";
import {
  arriveAt,
  askToMove,
  comings,
  connectSeen,
  MOVING_CONFIG,
  move,
  presentIn,
  type Seen,
  startNodes,
  tokenOf,
} from "./moving-nodes.ts";

const LEASE = { beatIntervalMs: 300, deadAfterMs: 1_500, awayAfterMs: 900, graceMs: 1_500 };

/** The client can do on its old socket what it could before. */
async function expectServed({ client }: Seen, channel: string): Promise<void> {
  const reply = await client.subscribe(channel);
  expect(reply.error).toBeUndefined();
  expect((await client.wire.call({ publish: { channel, data: "served" } })).error).toBeUndefined();
  await eventually("served", 10_000, () => client.publications(channel).length > 0);
}

test("[HND2] a secret counts once, and a wrong or an early one never: who shows it is connected like any other", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  const early = await MovingClient.continue(there.url, seen.client, { token: await tokenOf(there, "thief 1") });
  const { session } = seen.client.granted ?? { session: "" };
  const wrong = await MovingClient.continue(there.url, seen.client, {
    secret: { session, secret: "x".repeat(32) },
    token: await tokenOf(there, "thief 2"),
  });
  await expectServed(seen, "plain:a");
  await askToMove(here);
  const secret = await seen.client.goaway();
  const next = await move(seen, there);
  const replayed = await MovingClient.continue(there.url, seen.client, {
    secret,
    token: await tokenOf(there, "thief 3"),
  });
  for (const thief of [early, wrong, replayed]) {
    onTestFinished(() => thief.wire.socket.terminate());
    expect(thief.reply.error).toBeUndefined();
    expect(thief.granted?.moved).toBeUndefined();
    expect(thief.client).not.toBe(seen.client.client);
  }
  await expectServed({ ...seen, client: next }, "plain:b");
  const metrics = await (await fetch(`${there.controlUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_takeovers_total{outcome="refused"} 3');
});

test("[HND2] a drain that is taken back makes what it gave void", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await askToMove(here, 7);
  const secret = await seen.client.goaway();
  await callControl(here, "/drain", { term: 7, cancel: true });
  await seen.client.wire.waitFor("cancel", (message) => JSON.stringify(message).includes("goaway_cancel"));
  const late = await MovingClient.continue(there.url, seen.client, { secret, token: await tokenOf(there, "bob") });
  onTestFinished(() => late.wire.socket.terminate());
  expect(late.granted?.moved).toBeUndefined();
  await expectServed(seen, "plain:a");
});

test("[HND7] [HND9] when the new socket is lost the client stays, and what it asked for meanwhile is done", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  expect(next.client).toBe(seen.client.client);
  const asked = seen.client.subscribe("plain:later");
  expect((await seen.client.wire.call({ publish: { channel: "a", data: 1 } })).error).toBeUndefined();
  expect(
    seen.client.wire.received.some(({ subscribe }) => subscribe !== undefined && "late" in (subscribe as object)),
  ).toBe(false);
  next.wire.socket.terminate();
  expect((await asked).error).toBeUndefined();
  expect(comings(seen, "a")).toBe(1);
  expect(await presentIn(there, "a")).toContain(seen.client.client);
});

test("[HND7] a client that says that it moved when the old node has it back is closed on the new one", async () => {
  const [here, there] = await startNodes({ takeoverTiming: { takeMs: 2_000 } });
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  // It is answered when the old node has the client back.
  expect((await seen.client.subscribe("plain:later")).error).toBeUndefined();
  expect((await next.rpc("belay:moved")).error?.code).toBe(108);
  expect(await next.wire.closed).toMatchObject({ code: 3011 });
  await expectServed(seen, "plain:a");
  expect(comings(seen, "a")).toBe(1);
});

test("[HND7] a client that never says that it moved stays where it was", async () => {
  const [here, there] = await startNodes({ takeoverTiming: { moveMs: 300 } });
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  expect(await next.wire.closed).toMatchObject({ code: 3011 });
  await expectServed(seen, "plain:a");
});

test("[HND7] the new node dies before the client has moved: the client stays on the old one", async () => {
  await using redis = await startRedis();
  const shared = { redisUrl: redis.url, config: MOVING_CONFIG };
  await using here = await startGateway({ ...shared, podUid: "old", takeoverTiming: { takeMs: 2_000 } });
  await using there = await startGatewayProcess({ ...shared, podUid: "new" });
  const seen = await connectSeen({ here, watchedFrom: here }, "ann", ["a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  expect(next.client).toBe(seen.client.client);
  there.process.kill("SIGKILL");
  await next.wire.closed;
  await expectServed(seen, "plain:a");
  expect(comings(seen, "a")).toBe(1);
});

test("[HND7] the old node dies after its snapshot: the client moves, and nobody sees it go when the dead one is swept", async () => {
  await using redis = await startRedis();
  const shared = { redisUrl: redis.url, config: MOVING_CONFIG, leaseTiming: LEASE };
  await using there = await startGateway({ ...shared, podUid: "new" });
  await using here = await startGatewayProcess({ ...shared, podUid: "old" });
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a", "kept:a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  here.process.kill("SIGKILL");
  await seen.client.wire.closed;
  expect((await next.rpc("belay:moved")).error).toBeUndefined();
  await eventually("swept", 15_000, async () => {
    const { result } = (await callApi(there, "info", {})) as { result: { nodes: readonly unknown[] } };
    return result.nodes.length === 1;
  });
  await expectServed({ ...seen, client: next }, "plain:a");
  for (const channel of ["a", "kept:a"]) {
    expect(comings(seen, channel)).toBe(1);
    expect(await presentIn(there, channel)).toContain(next.client);
  }
});

test("[HND6] orders that come between snapshot and commit are carried out where the client is in the end", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a", "kept:a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  await callApi(here, "unsubscribe", { user: "ann", channel: "a" });
  await callApi(there, "subscribe", { user: "ann", channel: "plain:given" });
  await next.wire.waitFor("unsubscribe", ({ push }) => push?.channel === "a" && "unsubscribe" in push);
  await next.wire.waitFor("subscribe", ({ push }) => push?.channel === "plain:given" && "subscribe" in push);
  expect((await next.rpc("belay:moved")).error).toBeUndefined();
  await callApi(here, "publish", { channel: "plain:given", data: 1 });
  await eventually("given", 10_000, () => next.publications("plain:given").length === 1);
  expect(seen.client.publications("plain:given")).toEqual([]);
});

test("[HND6] an order that came before the roll back is carried out on the old socket", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await askToMove(here);
  const next = await arriveAt(there, seen);
  await callApi(there, "subscribe", { user: "ann", channel: "plain:given" });
  await next.wire.waitFor("subscribe", ({ push }) => push?.channel === "plain:given" && "subscribe" in push);
  next.wire.socket.terminate();
  const told = await seen.client.wire.waitFor(
    "subscribe",
    ({ push }) => push?.channel === "plain:given" && "subscribe" in push,
  );
  expect(told.push).toMatchObject({ channel: "plain:given" });
});

test("[HND6] a revocation and a disconnect between snapshot and commit end both connections", async () => {
  const [here, there] = await startNodes();
  await askToMove(here, 1);
  await callControl(here, "/drain", { term: 1, cancel: true });
  const ann = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  const bob = await connectSeen({ here, watchedFrom: there }, "bob", ["b"]);
  await askToMove(here);
  const moving = await Promise.all([arriveAt(there, ann), arriveAt(there, bob)]);
  await callApi(here, "revoke", { user: "ann" });
  await callApi(there, "disconnect", { user: "bob" });
  const ends = await Promise.all([ann.client, bob.client, ...moving].map(({ wire }) => wire.closed));
  expect(ends.map(({ code }) => code)).toEqual([3540, 3503, 3540, 3503]);
  await eventually("others see ann go", 10_000, () => comings(ann, "a") === 2);
  await eventually("others see bob go", 10_000, () => comings(bob, "b") === 2);
  await using again = await TestClient.open(there.url);
  expect((await again.call({ connect: { token: await tokenOf(there, "bob") } })).error).toBeUndefined();
});
