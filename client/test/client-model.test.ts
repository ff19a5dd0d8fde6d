import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { ClientSubject, KEPT, UNKEPT } from "./client-subject.ts";
import { settle } from "./fake-time.ts";

/** On demand: BELAY_CLIENT_RUNS=10000 npx vitest run --project integration client/test/client-model.test.ts */
const numRuns = Number(process.env["BELAY_CLIENT_RUNS"] ?? 1000);
const timeoutMs = 20_000 + numRuns * 60;

type Act = (subject: ClientSubject) => void | Promise<void>;
type Weighted = readonly [weight: number, name: string, act: Act];

/** What an application and a sound server do. Small steps most of the time: what goes wrong does so between two messages. */
const calm: readonly Weighted[] = [
  [2, "publish", (subject) => subject.publish(KEPT)],
  [2, "publish unkept", (subject) => subject.publish(UNKEPT)],
  [3, "server publish", ({ server }) => server.publish("server")],
  [2, "server publish, not yet handed out", ({ channels }) => channels.get(UNKEPT)?.publish("server")],
  [1, "pump", ({ server }) => server.pump()],
  [1, "rpc", (subject) => subject.rpc()],
  [8, "flow 1", (subject) => subject.flow(1)],
  [3, "flow of the first", (subject) => subject.flowOf(0)],
  [3, "flow of the last", (subject) => subject.flowOf(-1)],
  [1, "flow all", (subject) => subject.flow()],
  [2, "10 ms", ({ time }) => time.advance(10)],
  [1, "1 s", ({ time }) => time.advance(1000)],
];

const moves: readonly Weighted[] = [
  [1, "goaway", ({ server }) => server.goaway(500, 10_000)],
  [2, "goaway at once", ({ server }) => server.goaway(0, 10_000)],
  [1, "cancel", ({ server }) => server.cancel()],
];

const changes: readonly Weighted[] = [
  [1, "subscribe", (subject) => subject.subscribe(KEPT)],
  [1, "subscribe unkept", (subject) => subject.subscribe(UNKEPT)],
  [1, "unsubscribe", (subject) => subject.unsubscribe(KEPT)],
  [1, "unsubscribe unkept", (subject) => subject.unsubscribe(UNKEPT)],
];

const faults: readonly Weighted[] = [
  [1, "cut", ({ network }) => network.sockets.forEach((socket) => socket.cut())],
  [1, "cut the first", ({ network }) => network.sockets[0]?.cut()],
  [1, "cut the last", ({ network }) => network.sockets.at(-1)?.cut()],
  [1, "block", ({ network }) => network.sockets.at(-1)?.block()],
  [1, "close 3001", ({ server }) => server.closeAll(3001)],
  [1, "refuse connect", ({ server }) => void (server.faults.refuseConnect = true)],
  [1, "refuse move", ({ server }) => void (server.faults.refuseMove = true)],
  [1, "refuse command", ({ server }) => void (server.faults.refuseCommand = true)],
  [2, "missed too much", ({ server }) => void (server.faults.hasMissedTooMuch = true)],
  [1, "ignore command", ({ server }) => void (server.faults.ignoreCommand = true)],
  [1, "network down", ({ network }) => void (network.isDown = true)],
  [1, "network up", ({ network }) => void (network.isDown = false)],
  [1, "sleep", ({ time }) => time.sleep(120_000)],
  [1, "disconnect", ({ client }) => client.disconnect()],
  [1, "connect", ({ client }) => client.connect()],
];

function acts(...lists: readonly (readonly Weighted[])[]): fc.Arbitrary<(readonly [string, Act])[]> {
  const all = lists.flat().map(([weight, name, act]) => ({
    weight,
    arbitrary: fc.constant([name, act] as const),
  }));
  return fc.array(fc.oneof(...all), { minLength: 10, maxLength: 60, size: "max" });
}

async function started(grants: { readonly grantsKeys?: boolean; readonly grantsHandover?: boolean } = {}) {
  const subject = new ClientSubject();
  Object.assign(subject.server, grants);
  subject.subscribe(KEPT);
  subject.subscribe(UNKEPT);
  subject.client.connect();
  await subject.flow();
  return subject;
}

async function play(subject: ClientSubject, happened: readonly (readonly [string, Act])[]): Promise<void> {
  for (const [, act] of happened) {
    await act(subject);
    await settle();
  }
}

/** Nothing goes wrong any more: after a while all is as it should be. */
async function recover(subject: ClientSubject): Promise<void> {
  const { network, server, client } = subject;
  network.isDown = false;
  for (const fault of Object.keys(server.faults)) Object.assign(server.faults, { [fault]: false });
  client.connect();
  await subject.flow();
  await subject.goOn(200);
}

function expectSound(subject: ClientSubject): void {
  const { client, server, channels } = subject;
  expect(client.state.name).toBe("connected");
  expect(subject.problems).toEqual([]);
  expect(server.owners).toHaveLength(1);
  for (const [name, channel] of channels) {
    expect(subject.problemsOf(name)).toEqual([]);
    const subscription = client.channel(name);
    const isSubscribed = subscription.state.name === "subscribed";
    expect(subscription.position).toEqual(isSubscribed ? channel.top : subscription.position);
    expect(server.owners[0]?.subs.has(name)).toBe(isSubscribed);
    expect(channel.log.filter(({ data }) => data !== "server" && channel.count(data) !== 1)).toEqual([]);
  }
  const published = new Set([...channels.values()].flatMap(({ log }) => log.map(({ data }) => data)));
  for (const data of subject.acknowledged) expect(published).toContain(data);
  expect(subject.open).toBe(0);
}

async function expectEnds(subject: ClientSubject): Promise<void> {
  subject.client.disconnect();
  await subject.flow();
  await subject.time.advance(1000);
  await subject.flow();
  expect(subject.time.timers).toBe(0);
  expect(subject.network.sockets).toEqual([]);
}

prop.prop([acts(calm, moves)], { numRuns })(
  "[SDK30] moves alone lose nothing, repeat nothing and tell no gap, in channels without a history, too",
  async (happened) => {
    const subject = await started();
    await play(subject, happened);
    await recover(subject);
    expectSound(subject);
    expect([subject.resets(KEPT), subject.resets(UNKEPT)]).toEqual([0, 0]);
    expect([...subject.unknown]).toEqual([]);
    for (const { log } of subject.channels.values()) {
      const own = log.flatMap(({ data }) => (typeof data === "number" ? [data] : []));
      expect(own).toEqual(own.toSorted((one, other) => one - other));
    }
    await expectEnds(subject);
  },
  timeoutMs,
);

prop.prop([acts(calm, moves, changes, changes, changes)], { numRuns })(
  "[SDK32] subscriptions that begin and end during a move are in the end what the application wanted",
  async (happened) => {
    const subject = await started();
    await play(subject, happened);
    await recover(subject);
    expectSound(subject);
    expect(subject.client.channel(KEPT).state.name).toBe(subject.wanted.has(KEPT) ? "subscribed" : "unsubscribed");
    expect([subject.resets(KEPT), subject.resets(UNKEPT)]).toEqual([0, 0]);
    await expectEnds(subject);
  },
  timeoutMs,
);

prop.prop([acts(calm, moves, changes, faults)], { numRuns })(
  "[SDK4] [SDK5] whatever goes wrong, nothing is repeated or lost in silence, and no promise and no timer is left",
  async (happened) => {
    const subject = await started();
    await play(subject, happened);
    await recover(subject);
    expectSound(subject);
    expect(subject.resets(KEPT)).toBe(0);
    await expectEnds(subject);
  },
  timeoutMs,
);

prop.prop([acts(calm, changes, faults)], { numRuns })(
  "[SDK6] with a server that grants nothing, what is kept is shown once and in order, no publish is made twice, and nothing is left",
  async (happened) => {
    const subject = await started({ grantsKeys: false, grantsHandover: false });
    await play(subject, happened);
    await recover(subject);
    expect(subject.client.state.name).toBe("connected");
    expect(subject.problemsOf(KEPT)).toEqual([]);
    expect(subject.resets(KEPT)).toBe(0);
    const kept = subject.channels.get(KEPT);
    for (const { data } of kept?.log ?? []) if (data !== "server") expect(kept?.count(data)).toBe(1);
    expect(subject.open).toBe(0);
    await expectEnds(subject);
  },
  timeoutMs,
);

test("[SDK31] a move is one connection more, and one less", async () => {
  const subject = await started();
  const { id } = subject.client;
  subject.server.goaway(0, 10_000);
  await subject.goOn(5);
  expect(subject.client.state.name).toBe("connected");
  expect(subject.client.id).toBe(id);
  expect(subject.network.opened).toBe(2);
  expect(subject.server.live).toHaveLength(1);
});

test("[SDK5] the answer to belay:moved is lost with the new connection: the old one is closed by its pod, and the client comes back", async () => {
  const subject = await started();
  const { server, network, client } = subject;
  server.goaway(0, 10_000);
  // Publications stand before every answer, so that this one is still on its way.
  for (let step = 0; step < 100 && server.live.every(({ endsMs }) => endsMs === Infinity); step += 1) {
    server.publish("server");
    await subject.time.advance(1);
    await subject.flow(1);
  }
  network.sockets.at(-1)?.cut();
  await subject.flow();
  expect([client.state.name, server.owners.length]).toEqual(["connected", 0]);
  server.publish("server");
  await subject.goOn(20);
  expectSound(subject);
  expect(subject.resets(KEPT)).toBe(0);
});
