import { expect, onTestFinished, test } from "vitest";
import { jsonCodec } from "../src/json-codec.ts";
import { ClientSubject, connected, KEPT, nameOf, UNKEPT } from "./client-subject.ts";

test("[SDK2] a listener that disconnects in the middle of a loss has the last word", async () => {
  const subject = await connected();
  const { client } = subject;
  const states: string[] = [];
  client.on("state", ({ name }) => states.push(name));
  client.channel(KEPT).on("state", ({ name }) => name === "subscribing" && client.disconnect());
  subject.network.sockets[0]?.cut();
  await subject.flow();
  expect(client.state.name).toBe("disconnected");
  expect(states).toEqual(["disconnected"]);
  await subject.goOn(60);
  expect(subject.time.timers).toBe(0);
  expect(subject.network.opened).toBe(1);
});

/** What is thrown behind the back of those who listen. */
function uncaught(): unknown[] {
  const errors: unknown[] = [];
  const before = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => errors.push(error));
  onTestFinished(() => {
    process.removeAllListeners("uncaughtException");
    for (const listener of before) process.on("uncaughtException", listener);
  });
  return errors;
}

function fail(): never {
  throw new Error("of the application");
}

function nothing(): undefined {
  return undefined;
}

test.each([
  ["throws", fail],
  ["answers with no promise", () => "no promise" as unknown as undefined],
])("[SDK5] [SDK50] a trace that throws and an onReset that %s disturb nothing", async (_name, onReset) => {
  const errors = uncaught();
  const subject = new ClientSubject({ trace: fail });
  subject.client.removeChannel(UNKEPT);
  const channel = subject.client.channel(UNKEPT, { onReset, tagsFilter: { key: "a", cmp: "ex" } });
  const seen: unknown[] = [];
  channel.on("publication", ({ offset }) => seen.push(offset));
  channel.on("reset", ({ reason }) => seen.push(reason));
  channel.subscribe();
  subject.client.connect();
  await subject.flow();
  subject.network.sockets[0]?.cut();
  await subject.flow();
  subject.server.publish("missed");
  await subject.goOn(30);
  subject.server.publish("next");
  await subject.flow();
  expect(seen).toEqual(["gap", 2]);
  expect(new Set(errors.map(String))).toEqual(new Set(["Error: of the application"]));
});

test("[SDK40] a store that cannot keep a publish fails that publish, and nothing is left of it", async () => {
  const store = { publishes: () => [], keep: fail, drop: nothing, position: nothing, moveTo: nothing };
  const subject = new ClientSubject({ store });
  await expect(subject.client.publish(KEPT, 1)).rejects.toThrow("of the application");
  expect(subject.client.queue.count).toBe(0);
});

test("[SDK2] a memory of transports and a store that throw disturb nothing", async () => {
  const errors = uncaught();
  const store = { publishes: () => [], keep: nothing, drop: nothing, position: nothing, moveTo: fail };
  const subject = new ClientSubject({ store, transportMemory: { load: nothing, save: fail } });
  const { client, server } = subject;
  client.removeChannel(KEPT);
  const channel = client.channel(KEPT, { isResumed: true });
  const seen: unknown[] = [];
  channel.on("publication", ({ offset }) => seen.push(offset));
  channel.subscribe();
  client.connect();
  await subject.flow();
  expect(client.state.name).toBe("connected");
  const push = { type: "push", kind: "publication", channel: KEPT } as const;
  const both = [1, 2].map((offset) => ({ ...push, publication: { data: offset, offset } }));
  server.live[0]?.socket.send(both);
  await subject.flow();
  expect(seen).toEqual([1, 2]);
  channel.unsubscribe();
  expect(channel.state.name).toBe("unsubscribed");
  await subject.flow();
  expect(new Set(errors.map(String))).toEqual(new Set(["Error: of the application"]));
});

test("[SDK12] who waits for a subscription, or publishes, is told when the client closes for good", async () => {
  const subject = await connected();
  const { client } = subject;
  const late = client.channel(KEPT);
  late.unsubscribe();
  await subject.flow();
  subject.server.faults.ignoreCommand = true;
  late.subscribe();
  const ready = nameOf(late.ready());
  await subject.flow();
  subject.server.closeAll(3500);
  await subject.flow();
  expect(client.state.name).toBe("closed");
  expect(await ready).toBe("ClosedError");
  expect(await nameOf(late.ready())).toBe("ClosedError");
  expect(await nameOf(client.publish(KEPT, 1))).toBe("ClosedError");
  client.connect();
  await subject.flow();
  expect(late.state.name).toBe("subscribed");
});

test("[SDK2] after disconnect no timer is left, whatever was under way", async () => {
  const subject = await connected();
  const { client } = subject;
  // A hole whose fill is to be tried again, and a publish.
  subject.network.sockets[0]?.cut();
  await subject.flow();
  subject.server.publish("missed");
  subject.server.faults.refuseCommand = true;
  await subject.goOn(1);
  expect(subject.server.faults.refuseCommand).toBe(false);
  const outcome = nameOf(client.publish(KEPT, 1));
  client.disconnect();
  await subject.flow();
  expect(await outcome).toBe("OutcomeUnknownError");
  expect(subject.time.timers).toBe(0);
  const waiting = nameOf(client.publish(KEPT, 2));
  client.disconnect();
  client.connect();
  client.disconnect();
  expect(await waiting).toBe("ClosedError");
  await subject.flow();
  expect(subject.time.timers).toBe(0);
});

test("[SDK2] [SDK12] data that cannot be written closes the client, and leaves no timer", async () => {
  const subject = new ClientSubject({ data: { id: 1n }, codec: jsonCodec });
  subject.client.connect();
  await subject.flow();
  expect(subject.client.state).toMatchObject({ name: "closed", reason: { code: 11 } });
  expect(subject.time.timers).toBe(0);
});

test("[SDK15] a token provider that never answers is given up like a connection that does not open, and asked again", async () => {
  let asked = 0;
  const getToken = async (): Promise<string> => {
    asked += 1;
    return asked === 1 ? new Promise(() => undefined) : "token";
  };
  const subject = new ClientSubject({ getToken });
  subject.client.connect();
  await subject.goOn(9);
  expect(subject.client.state).toMatchObject({ name: "connecting", phase: "opening" });
  await subject.goOn(5);
  expect(subject.client.state.name).toBe("connected");
  expect(asked).toBe(2);
});

test("[SDK3] a channel that the server subscribes, too, is heard by the subscription that the application has", async () => {
  const subject = await connected();
  const result = { epoch: "epoch", offset: 0 };
  subject.server.live[0]?.socket.send([{ type: "push", kind: "subscribe", channel: KEPT, result }]);
  await subject.flow();
  subject.server.publish("for both");
  await subject.flow();
  expect(subject.seen.get(KEPT)).toEqual(["begins", { offset: 1 }]);
});

test("[SDK3] a channel that only the server subscribes stays so through a resume, though the application knows its name", async () => {
  const subject = await connected();
  const told: unknown[] = [];
  subject.client.on("publication", ({ data }) => told.push(data));
  subject.client.on("unsubscribed", () => told.push("unsubscribed"));
  subject.unsubscribe(KEPT);
  await subject.flow();
  const [connection] = subject.server.live;
  connection?.subs.set(KEPT, 0);
  const result = { epoch: "epoch", offset: 0 };
  connection?.socket.send([{ type: "push", kind: "subscribe", channel: KEPT, result }]);
  await subject.flow();
  connection?.socket.cut();
  await subject.flow();
  subject.server.publish("missed");
  await subject.goOn(10);
  subject.server.publish("next");
  await subject.flow();
  expect(told).toEqual(["missed", "next"]);
});

test("[SDK26] messages of the inbox that are gone are told by an error", async () => {
  const subject = new ClientSubject({ inbox: {} });
  const errors: string[] = [];
  subject.client.on("error", ({ name }) => errors.push(name));
  subject.server.inbox = { group: "", epoch: "e", offset: 5, lost: true };
  subject.client.connect();
  await subject.flow();
  expect(errors).toEqual(["InboxLostError"]);
});
