import { callApi, callControl, eventually, PlainRelay, startGateway, startRedis } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { httpStreamTransport } from "../src/http-stream-transport.ts";
import { sseTransport } from "../src/sse-transport.ts";
import { webSocketTransport } from "../src/websocket-transport.ts";
import { forms } from "./forms.ts";
import { config, keptIn, publish, sign, stage, startEcho, Subject, textOf } from "./plain-stage.ts";

const WITHIN_MS = 30_000;
/** Life of the tokens that are to be renewed: enough to connect on a slow machine. */
const FIRST_SECONDS = 8;

test("[SDK6] a server without extensions answers every command, and tokens of both kinds are renewed", async () => {
  const { gateway, relay } = await stage({ config: { ...config, hooks: { rpc: { url: await startEcho() } } } });
  const asked = { client: 0, channel: 0 };
  const endMs = performance.now() + FIRST_SECONDS * 1000 + 500;
  const life = (count: number): number => (count === 1 ? FIRST_SECONDS : 600);
  const { client, told } = new Subject(relay, {
    getToken: () => sign(gateway, { sub: "ann" }, life((asked.client += 1))),
  });
  const secret = client.channel("secret:1", {
    getToken: () => sign(gateway, { sub: "ann", channel: "secret:1" }, life((asked.channel += 1))),
  });
  secret.subscribe();
  const seen = client.channel("seen:1");
  seen.subscribe();
  await Promise.all([secret.ready(), seen.ready()]);

  await seen.publish("one");
  await client.publish("seen:1", "two");
  const { publications, offset, epoch } = await seen.history();
  expect(publications.map(({ data, info }) => [data, info?.user])).toEqual([
    ["one", "ann"],
    ["two", "ann"],
  ]);
  expect((await seen.history({ since: { epoch, offset: 1 } })).publications.map(({ data }) => data)).toEqual(["two"]);
  expect(offset).toBe(2);
  expect([...(await seen.presence()).values()].map(({ user }) => user)).toEqual(["ann"]);
  expect(await seen.presenceStats()).toEqual({ clients: 1, users: 1 });
  expect(await client.rpc("echo", { n: 1 })).toEqual({ method: "echo", data: { n: 1 } });
  await client.send({ said: "and not answered" });
  await expect(client.history("unkept")).rejects.toMatchObject({ name: "ServerError", code: 108 });

  await eventually("both are renewed", WITHIN_MS, () => asked.client === 2 && asked.channel === 2);
  await eventually("the first ones have ended", WITHIN_MS, () => performance.now() > endMs);
  expect(await secret.history()).toMatchObject({ publications: [] });
  expect(told).toEqual(["connecting", "connected"]);
  expect(asked).toEqual({ client: 2, channel: 2 });
  // It was as it should be: the server was told of nothing that it does not know.
  expect(client.inspect().extensions).toEqual([]);
  expect(relay.said.join("\n")).not.toContain("belay");
  expect(relay.said).toContain('{"send":{"data":{"said":"and not answered"}}}');
});

test("[SDK6] through a cut what is kept is shown once and in order, what cannot be had is told, and so is what nobody can know", async () => {
  const { gateway, relay } = await stage();
  const token = await sign(gateway, { sub: "ann", subs: { "kept:own": {}, own: {} } });
  const watcher = new Subject(await PlainRelay.start(gateway), { token: await sign(gateway, { sub: "bob" }) });
  await watcher.listen("seen:a", { joinLeave: true }).ready();
  const reader = new Subject(relay, { token });
  const names = ["kept:a", "short:a", "bare", "seen:a"];
  const all = [...names, "kept:own", "own"];
  await Promise.all(names.map((name) => reader.listen(name).ready()));
  const { id } = reader.client;
  for (const name of all) await publish(gateway, name, 1, 2);
  await eventually("all are shown", WITHIN_MS, () => all.every((name) => reader.of(name).includes("2")));
  relay.cut();
  await eventually("the loss is seen", WITHIN_MS, () => reader.states.includes("reconnecting"));
  const offline = ["a", "b", "c"].map((data) => reader.client.publish("kept:a", data));
  for (const name of all) await publish(gateway, name, 3, 4, 5, 6);
  relay.mend();
  await Promise.all(names.map((name) => reader.client.channel(name).ready()));
  await Promise.all(offline);
  for (const name of all) await publish(gateway, name, 7);
  await eventually("the last are shown", WITHIN_MS, () => all.every((name) => reader.of(name).includes("7")));

  const again = ["subscribing", "subscribed"];
  const live = ["subscribed", "1", "2"];
  const before = ["subscribing", ...live];
  expect(reader.of("kept:a")).toEqual([...before, ...again, "3", "4", "5", "6", "a", "b", "c", "7"]);
  expect(await keptIn(gateway, "kept:a")).toEqual([1, 2, 3, 4, 5, 6, "a", "b", "c", 7]);
  expect(reader.of("seen:a")).toEqual([...before, ...again, "3", "4", "5", "6", "7"]);
  expect(reader.of("short:a")).toEqual([...before, ...again, "reset gap 2-6", "7"]);
  expect(reader.of("bare")).toEqual([...before, ...again, "reset unknown ?-?", "7"]);
  expect(reader.of("kept:own")).toEqual([...live, "subscribed", "3", "4", "5", "6", "7"]);
  expect(reader.of("own")).toEqual([...live, "subscribed", "reset unknown ?-?", "7"]);
  expect(reader.states).toEqual(["connecting", "connected", "reconnecting", "connected"]);
  const reconnect = relay.said.find((frame) => frame.includes('"subs":{"kept:own":')) ?? "{}";
  expect(JSON.parse(reconnect)).toMatchObject({
    connect: {
      subs: { "kept:own": { recover: true, offset: 2, positioned: true, recoverable: true, join_leave: true } },
    },
  });
  // Recovered by the server, where it can: only the rest is asked of the history.
  const asked = relay.said.filter((frame) => frame.includes('"history":'));
  expect(asked.map((frame) => /"channel":"([^"]+)"/.exec(frame)?.[1])).toEqual(["short:a"]);
  // The id is another one, and others see it go and come: keeping it is an extension.
  expect(reader.client.id).not.toBe(id);
  const seen = (): readonly string[] => watcher.of("seen:a").filter((each) => each.startsWith("ann"));
  await eventually("its return is seen", WITHIN_MS, () => seen().length >= 3);
  expect(seen()).toEqual(["ann joins", "ann leaves", "ann joins"]);
});

test("[SDK3] a channel that the server subscribed is the subscription's that the application makes for it, and nothing of it comes again", async () => {
  const { gateway, relay } = await stage();
  const name = "kept:own";
  const reader = new Subject(relay, { token: await sign(gateway, { sub: "ann", subs: { [name]: {} } }) });
  const { client } = reader;
  await client.ready();
  await publish(gateway, name, 1);
  await eventually("the server's is shown", WITHIN_MS, () => reader.of(name).includes("1"));
  const channel = client.channel(name);
  const own: string[] = [];
  channel.on("publication", ({ data }) => own.push(textOf(data)));
  channel.on("reset", ({ reason }) => own.push(reason));
  channel.subscribe();
  await channel.ready();
  await publish(gateway, name, 2);
  for (const [missed, next] of [
    [3, 4],
    [5, 6],
  ]) {
    relay.cut();
    await eventually("the loss is seen", WITHIN_MS, () => client.state.name === "reconnecting");
    await publish(gateway, name, missed);
    relay.mend();
    await channel.ready();
    await publish(gateway, name, next);
    await eventually("the last is shown", WITHIN_MS, () => own.includes(String(next)));
  }
  expect(own).toEqual(["2", "3", "4", "5", "6"]);
  const again = ["subscribed", "unsubscribed"];
  expect(reader.of(name)).toEqual(["subscribed", "1", "unsubscribed", ...again, ...again]);
});

test("[SDK6] [SDK43] without keys a publish leaves once: one without an answer is told as unknown, one that was refused as refused", async () => {
  const { gateway, relay } = await stage();
  const { client } = new Subject(relay);
  const outcome = (data: string): Promise<unknown> => client.publish("kept:a", data).then(() => "made", nameOf);
  const cutOff = async (): Promise<void> => {
    relay.cut();
    await eventually("the loss is seen", WITHIN_MS, () => client.state.name === "reconnecting");
  };
  await client.ready();
  // Sent and made, not answered, by a server with keys and by one without: neither is repeated by the one without.
  for (const [data, isPlain] of [
    ["keyed", false],
    ["plain", true],
  ] as const) {
    relay.isPlain = isPlain;
    await cutOff();
    relay.mend();
    await client.ready();
    expect(client.inspect().extensions?.includes("keys")).toBe(!isPlain);
    relay.isPlain = true;
    relay.mute();
    const told = outcome(data);
    await eventually("the server has it", WITHIN_MS, async () => (await keptIn(gateway, "kept:a")).includes(data));
    await cutOff();
    const queued = outcome(`behind ${data}`);
    relay.mend();
    expect([await told, await queued]).toEqual(["OutcomeUnknownError", "made"]);
  }
  expect(await keptIn(gateway, "kept:a")).toEqual(["keyed", "behind keyed", "plain", "behind plain"]);
  expect(client.queue.count).toBe(0);
});

test("[SDK6] [SDK43] without keys a publish that is refused for now fails with the server's error", async () => {
  const limits = { commandsPerSecond: 1, commandBurst: 3 };
  const { gateway, relay } = await stage({ config: { ...config, limits } });
  const { client } = new Subject(relay);
  await client.ready();
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, n) => client.publish("kept:a", n).then(() => n, nameOf)),
  );
  const made = outcomes.filter((each) => typeof each === "number");
  expect(made.length).toBeLessThan(20);
  expect(await keptIn(gateway, "kept:a")).toEqual(made);
  expect(new Set(outcomes.filter((each) => typeof each === "string"))).toEqual(new Set(["ServerError"]));
});

function nameOf({ name }: Error): string {
  return name;
}

test("[SDK7] an inbox that the server does not grant is told as an error with each connection", async () => {
  const { gateway, relay } = await stage({ config: { ...config, inbox: { enabled: true } } });
  const token = await sign(gateway, { sub: "ann" });
  const { client, told } = new Subject(relay, { token, inbox: {} });
  await client.ready();
  expect(told).toEqual(["connecting", "error InboxUnavailableError", "connected"]);
  relay.isPlain = false;
  relay.cut();
  relay.mend();
  await eventually("it is granted", WITHIN_MS, () => client.inspect().extensions?.includes("inbox"));
  expect(told).toEqual(["connecting", "error InboxUnavailableError", "connected", "reconnecting", "connected"]);
});

test("[SDK6] a drain by closing is followed to the next server, codes that end a client or a subscription end it", async () => {
  const redis = await startRedis();
  const [first, second] = await Promise.all(
    ["pod-one", "pod-two"].map(async (podUid) => {
      const node = await startGateway({ redisUrl: redis.url, config, podUid });
      onTestFinished(() => node[Symbol.asyncDispose]());
      return node;
    }),
  );
  if (first === undefined || second === undefined) throw new Error("there are two");
  const relay = await PlainRelay.start(first);
  const ann = new Subject(relay, { token: await sign(first, { sub: "ann" }) });
  const room = ann.listen("kept:a");
  await Promise.all([room.ready(), ann.listen("kept:b").ready()]);
  await publish(first, "kept:a", 1);
  relay.moveTo(second);
  await callControl(first, "/drain", { term: 1, deadlineSeconds: 30, ratePerSecond: 100, reason: "rollout" });
  await publish(second, "kept:a", 2, 3);
  await eventually("it is on the second", WITHIN_MS, () => ann.client.inspect().node === "pod-two");
  await room.ready();
  await publish(second, "kept:a", 4);
  await eventually("the last is shown", WITHIN_MS, () => ann.of("kept:a").includes("4"));
  expect(ann.of("kept:a").filter((each) => !each.startsWith("subscrib"))).toEqual(["1", "2", "3", "4"]);
  expect(ann.states).toEqual(["connecting", "connected", "reconnecting", "connected"]);

  await callApi(second, "unsubscribe", { user: "ann", channel: "kept:b" });
  await eventually("it is ended", WITHIN_MS, () => ann.of("kept:b").at(-1) === "unsubscribed 2000");
  await publish(second, "kept:b", "unheard");
  // Asked to come back by a code that says so, and not by one that says the opposite.
  await callApi(second, "disconnect", { user: "ann", disconnect: { code: 3001, reason: "shutdown" } });
  await eventually("it is back", WITHIN_MS, () => ann.states.length === 6);
  await room.ready();
  await callApi(second, "disconnect", { user: "ann", disconnect: { code: 3500, reason: "no" } });
  await eventually("it is closed", WITHIN_MS, () => ann.client.state.name === "closed");
  expect(ann.client.state).toMatchObject({ reason: { code: 3500, message: "no" } });
  expect(ann.states.slice(4)).toEqual(["reconnecting", "connected", "closed"]);
  expect(ann.of("kept:b")).toEqual(["subscribing", "subscribed", "subscribing", "subscribed", "unsubscribed 2000"]);
  await expect(ann.client.rpc("any")).rejects.toMatchObject({ name: "ClosedError" });
});

const [json, protobuf] = forms;
test.each([
  ["WebSockets with Protobuf", webSocketTransport, protobuf],
  ["HTTP streams", httpStreamTransport, json],
  ["SSE", sseTransport, json],
] as const)("[SDK6] the same over %s", async (_name, transport, form) => {
  if (form === undefined) throw new Error("there are two forms");
  const { gateway, relay } = await stage();
  const token = await sign(gateway, { sub: "ann" });
  const reader = new Subject(relay, { token, transports: [transport], codec: form.client });
  const { client } = reader;
  const room = reader.listen("seen:a");
  await Promise.all([room.ready(), reader.listen("bare").ready()]);
  await room.publish(form.payload("1"));
  await eventually("it is shown", WITHIN_MS, () => reader.of("seen:a").includes("1"));
  relay.cut();
  await eventually("the loss is seen", WITHIN_MS, () => reader.states.includes("reconnecting"));
  await publish(gateway, "seen:a", 2, 3);
  const offline = client.publish("seen:a", form.payload("4"));
  relay.mend();
  await offline;
  await eventually("all are shown", WITHIN_MS, () => reader.of("seen:a").includes("4"));
  await client.channel("bare").ready();
  expect(reader.of("seen:a")).toEqual(["subscribing", "subscribed", "1", "subscribing", "subscribed", "2", "3", "4"]);
  expect(reader.of("bare")).toEqual(["subscribing", "subscribed", "subscribing", "subscribed", "reset unknown ?-?"]);
  expect((await room.history()).publications.map(({ data }) => textOf(data))).toEqual(["1", "2", "3", "4"]);
  expect([...(await room.presence()).values()].map(({ user }) => user)).toEqual(["ann"]);
  expect(client.inspect()).toMatchObject({ extensions: [], connection: { transport: transport.name } });
});
