import { expect, test } from "vitest";
import type { Client } from "../src/client.ts";
import type { Unlisten } from "../src/emitter.ts";
import type { ClientOptions } from "../src/options.ts";
import { type ClientSubject, connected, KEPT, UNKEPT } from "./client-subject.ts";

const options: Partial<ClientOptions> = { getToken: async () => "token", inbox: {} };
const own = { epoch: "epoch", offset: 1, publications: [{ data: "own", offset: 1 }] };
/** Of a connection: a token that ends, and a server-side subscription beside the client's own ones. */
const ends = { expires: true, ttl: 60 };
const subs = new Map([["own", own]]);

/** How it is ended, and what there is a while later: the state, the connections, and how often it was told that there is one. */
type Ending = readonly [string, (client: Client) => void, readonly [string, number, number]];

const endings: readonly Ending[] = [
  ["disconnects", (client) => client.disconnect(), ["disconnected", 0, 0]],
  [
    "disconnects and connects",
    (client) => {
      client.disconnect();
      client.connect();
    },
    ["connected", 1, 1],
  ],
];

/** In the middle of a connection that begins. */
type Moment = readonly [string, (client: Client, end: () => void) => Unlisten];

const inboxRefused: Moment = ["an inbox that is not granted", (client, end) => client.on("error", end)];
const moments: readonly Moment[] = [
  ["a server-side subscription", (client, end) => client.on("subscribed", end)],
  ["a publication", (client, end) => client.on("publication", end)],
  inboxRefused,
];
const continuedMoments: readonly Moment[] = [
  ["a subscription", (client, end) => client.channel(KEPT).on("state", ({ name }) => name === "subscribed" && end())],
  inboxRefused,
];

function matrix(all: readonly Moment[]): readonly (readonly [string, string, Moment, Ending])[] {
  return all.flatMap((moment) => endings.map((ending) => [moment[0], ending[0], moment, ending] as const));
}

/** Ends the connection that begins with `begin` in the middle of that, once: nothing is left of it. Answers with who hears the next one. */
async function afterEnd(
  subject: ClientSubject,
  [, listen]: Moment,
  ending: Ending,
  begin: () => void,
): Promise<readonly string[]> {
  const { client, server, time } = subject;
  const [, end, expected] = ending;
  const states: string[] = [];
  client.on("state", ({ name }) => {
    // There is a connection where one is told.
    states.push(name === "connected" && client.inspect().connection === undefined ? "wrong" : name);
  });
  const unlisten = listen(client, () => {
    unlisten();
    end(client);
  });
  begin();
  await subject.goOn(10);
  expect(states).not.toContain("wrong");
  const told = (): number => states.filter((name) => name === "connected").length;
  expect([client.state.name, server.live.length, told()]).toEqual(expected);
  expect(client.state.name === "disconnected" ? time.timers : 0).toBe(0);
  client.connect();
  await subject.flow();
  expect(told()).toBe(1);
  const heard: string[] = [];
  for (const name of [KEPT, UNKEPT]) client.channel(name).on("publication", () => heard.push(name));
  server.publish("for all");
  await subject.flow();
  return heard;
}

test.each(matrix(moments))(
  "[SDK2] a listener of %s that %s while a connection begins has the last word",
  async (_moment, _ending, moment, ending) => {
    const subject = await connected(options);
    Object.assign(subject.server, { grantsHandover: false, result: { ...ends, subs } });
    const heard = await afterEnd(subject, moment, ending, () => subject.network.sockets[0]?.cut());
    expect(heard).toEqual([KEPT, UNKEPT]);
  },
);

test.each(matrix(continuedMoments))(
  "[SDK2] a listener of %s that %s while a connection is continued has the last word",
  async (_moment, _ending, moment, ending) => {
    const subject = await connected(options);
    subject.server.result = ends;
    const heard = await afterEnd(subject, moment, ending, () => subject.network.sockets[0]?.cut());
    expect(heard).toEqual([KEPT, UNKEPT]);
  },
);

test.each(endings)("[SDK2] a listener that %s where a move is done has the last word", async (...ending) => {
  const subject = await connected(options);
  subject.server.result = ends;
  const heard = await afterEnd(subject, inboxRefused, ending, () => subject.server.goaway(0, 10_000));
  expect(heard).toEqual([KEPT, UNKEPT]);
});

test("[SDK3] who unsubscribes in the middle of what was recovered, or has waited for a reload, is shown no more of it", async () => {
  const reload = Promise.withResolvers<void>();
  const onReset = (): Promise<void> => reload.promise;
  const subject = await connected();
  const { client, server, network } = subject;
  server.grantsHandover = false;
  client.removeChannel(UNKEPT);
  const channels = [client.channel(KEPT), client.channel(UNKEPT, { onReset })];
  const seen: unknown[] = [];
  for (const channel of channels) {
    channel.subscribe();
    channel.on("publication", ({ data }) => {
      seen.push(`${channel.channel} ${String(data)}`);
      channel.unsubscribe();
    });
  }
  await subject.goOn(1);
  network.sockets[0]?.cut();
  await subject.flow();
  for (const data of [1, 2, 3]) server.publish(data);
  await subject.goOn(10);
  for (const data of [4, 5, 6]) server.publish(data);
  await subject.flow();
  expect(seen).toEqual(["kept 1"]);
  reload.resolve();
  await subject.flow();
  expect(seen).toEqual(["kept 1", "unkept 4"]);
  expect(channels.map(({ position }) => position)).toEqual([undefined, undefined]);
});

test("[SDK5] who subscribes anew where a reset is told waits for no reload of the subscription before", async () => {
  const subject = await connected();
  const { client, server, network } = subject;
  server.grantsHandover = false;
  client.removeChannel(UNKEPT);
  const channel = client.channel(UNKEPT, { onReset: () => new Promise(() => undefined) });
  channel.subscribe();
  await subject.flow();
  const seen: unknown[] = [];
  channel.on("publication", ({ data }) => seen.push(data));
  channel.on("reset", () => {
    seen.push("reset");
    channel.unsubscribe();
    channel.subscribe();
  });
  network.sockets[0]?.cut();
  await subject.goOn(10);
  server.publish("next");
  await subject.flow();
  expect(seen).toEqual(["reset", "next"]);
});
