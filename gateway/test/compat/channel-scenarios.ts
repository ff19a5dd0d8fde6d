import { expect } from "vitest";
import type { Scenario } from "./scenario.ts";

const PAYLOADS: readonly unknown[] = [
  { text: "grüße, 世界 🚀", nested: { list: [1, -2.5, 1e21, true, null, '\u2028 " \\ \n'] } },
  "a string",
  0,
  [],
  "x".repeat(50_000),
];

function state(n: number): unknown {
  return { text: "the same again and again ".repeat(20), n };
}

interface Past {
  readonly publications: readonly { readonly data: unknown; readonly offset: number }[];
  readonly offset: number;
  readonly epoch: string;
}

/** What goes through a channel. */
export const channelScenarios: readonly Scenario[] = [
  {
    name: "subscribe, publish",
    shows: "both ways, in order, with the publisher's `info`, every payload as it was",
    client: async (stage) => {
      const channel = stage.channel("room");
      const [ann, bob] = [await stage.guest("ann"), await stage.guest("bob")];
      await Promise.all([ann.subscribed(channel), bob.subscribed(channel)]);
      await ann.publish(channel, ...PAYLOADS);
      await bob.publish(channel, "and back");
      for (const actor of [ann, bob]) {
        expect(await actor.got(channel, PAYLOADS.length + 1)).toEqual([...PAYLOADS, "and back"]);
        const users = actor.all("publication", channel).map(({ info }) => (info as { user: string }).user);
        expect(users).toEqual([...PAYLOADS.map(() => stage.user("ann")), stage.user("bob")]);
      }
    },
  },
  {
    name: "order",
    shows: "300 publications of the server API reach every subscriber once, in order",
    client: async (stage) => {
      const channel = stage.channel("plain");
      const actors = [await stage.guest(), await stage.guest()];
      await Promise.all(actors.map((actor) => actor.subscribed(channel)));
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      await stage.publish(channel, ...numbers);
      for (const actor of actors) expect(await actor.got(channel, 300)).toEqual(numbers);
    },
  },
  {
    name: "unsubscribe",
    shows: "ends what a channel brings; subscribing again brings it back",
    client: async (stage) => {
      const [channel, other] = [stage.channel("plain"), stage.channel("plain", "-other")];
      const ann = await stage.guest();
      await ann.subscribed(channel);
      await ann.subscribed(other);
      await ann.call("unsubscribe", { channel });
      expect((await ann.event("unsubscribed", channel)).code).toBe(0);
      await stage.publish(channel, "unheard");
      await stage.publish(other, "heard");
      await ann.got(other, 1);
      await ann.call("resubscribe", { channel });
      await ann.event("subscribed", channel, 2);
      await stage.publish(channel, "heard");
      expect(await ann.got(channel, 1)).toEqual(["heard"]);
    },
  },
  {
    name: "batches",
    shows: "connect, subscriptions and publications leave in one frame",
    needs: "batching",
    client: async (stage) => {
      const channels = Array.from({ length: 20 }, (_, n) => stage.channel("room", `-${n}`));
      const ann = await stage.client({ token: await stage.token("ann") });
      for (const channel of channels) await ann.call("subscribe", { channel });
      await ann.connected();
      for (const channel of channels) await ann.event("subscribed", channel);
      await ann.call("startBatching");
      const published = channels.map((channel) => ann.publish(channel, channel));
      // The SDK queues a command some turns after the call; a call that comes back shows that those turns are over.
      await ann.call("deltaStatistics", { channel: channels[0] });
      await ann.call("stopBatching");
      await Promise.all(published);
      for (const channel of channels) expect(await ann.got(channel, 1)).toEqual([channel]);
    },
  },
  {
    name: "presence, presence stats",
    shows: "who is there, on every node",
    client: async (stage) => {
      const channel = stage.channel("room");
      const actors = [await stage.guest("ann"), await stage.guest("ann"), await stage.guest("bob")];
      for (const actor of actors) await actor.subscribed(channel);
      const [ann] = actors;
      const members = (await ann?.call("presence", { channel })) as Record<string, { user: string }>;
      const clients = actors.map((actor) => String(actor.all("connected")[0]?.["client"]));
      expect(Object.keys(members).toSorted()).toEqual(clients.toSorted());
      expect(await ann?.call("presenceStats", { channel })).toMatchObject({ numClients: 3, numUsers: 2 });
    },
  },
  {
    name: "join, leave",
    shows: "of others, where the subscriber asks for it",
    client: async (stage) => {
      const channel = stage.channel("room");
      const [ann, bob] = [await stage.guest("ann"), await stage.guest("bob")];
      await ann.subscribed(channel, { joinLeave: true });
      await bob.subscribed(channel);
      const joins = () => ann.all("join", channel).filter(({ user }) => user === stage.user("bob"));
      await ann.event("join", channel, ann.all("join", channel).length > joins().length ? 2 : 1);
      await bob.call("disconnect");
      expect((await ann.event("leave", channel))["user"]).toBe(stage.user("bob"));
      expect(joins()).toHaveLength(1);
      expect(bob.all("join", channel)).toEqual([]);
    },
  },
  {
    name: "history",
    shows: "by `limit`, `since`, `reverse`; without a limit the position alone",
    client: async (stage) => {
      const channel = stage.channel("kept");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel);
      await stage.publish(channel, 1, 2, 3, 4, 5);
      const read = async (options: object) => (await ann.call("history", { channel, ...options })) as Past;
      const position = await read({});
      expect([position.publications, position.offset]).toEqual([[], 5]);
      const data = async (options: object) => (await read(options)).publications.map((one) => one.data);
      expect(await data({ limit: 3 })).toEqual([1, 2, 3]);
      expect(await data({ limit: 10, since: { offset: 3, epoch: position.epoch } })).toEqual([4, 5]);
      expect(await data({ limit: 2, reverse: true })).toEqual([5, 4]);
      expect((await read({ limit: 10 })).publications.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5]);
    },
  },
  {
    name: "recovery after a cut",
    shows: "what was published meanwhile comes once, in order, with `recovered`",
    client: async (stage) => {
      const channel = stage.channel("kept");
      const ann = await stage.guest("ann");
      expect(await ann.subscribed(channel, { recoverable: true })).toMatchObject({
        recoverable: true,
        wasRecovering: false,
        recovered: false,
      });
      await stage.publish(channel, 1, 2, 3);
      await ann.got(channel, 3);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, 4, 5, 6, 7);
      stage.mend();
      expect(await ann.event("subscribed", channel, 2)).toMatchObject({ wasRecovering: true, recovered: true });
      await stage.publish(channel, 8);
      expect(await ann.got(channel, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    },
  },
  {
    name: "recovery that is impossible",
    shows: "is told: `wasRecovering`, not `recovered`, and nothing is filled in",
    client: async (stage) => {
      const channel = stage.channel("short");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel, { recoverable: true });
      await stage.publish(channel, 1);
      await ann.got(channel, 1);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, 2, 3, 4, 5, 6, 7, 8, 9);
      stage.mend();
      expect(await ann.event("subscribed", channel, 2)).toMatchObject({ wasRecovering: true, recovered: false });
      await stage.publish(channel, 10);
      expect(await ann.got(channel, 2)).toEqual([1, 10]);
    },
  },
  {
    name: "latest value",
    shows: "in a channel of recovery mode `cache` a cut costs everything but the latest publication",
    client: async (stage) => {
      const channel = stage.channel("latest");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel, { recoverable: true });
      await stage.publish(channel, 1);
      await ann.got(channel, 1);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, 2, 3, 4);
      stage.mend();
      expect(await ann.event("subscribed", channel, 2)).toMatchObject({ wasRecovering: true, recovered: true });
      await stage.publish(channel, 5);
      expect(await ann.got(channel, 3)).toEqual([1, 4, 5]);
    },
  },
  {
    name: "first position",
    shows: "a first subscription recovers from a position that the application kept",
    needs: "first position",
    client: async (stage) => {
      const channel = stage.channel("kept");
      const ann = await stage.guest("ann");
      await stage.publish(channel, 1, 2, 3);
      await ann.subscribed(channel);
      const { epoch } = (await ann.call("history", { channel })) as Past;
      const bob = await stage.guest("bob");
      const since = { offset: 1, epoch };
      expect(await bob.subscribed(channel, { recoverable: true, since })).toMatchObject({ recovered: true });
      expect(await bob.got(channel, 2)).toEqual([2, 3]);
    },
  },
  {
    name: "state, error 112",
    shows: "`getState` gives the position; when it cannot be continued (112) it is asked again",
    client: async (stage) => {
      const channel = stage.channel("short");
      const keeper = await stage.guest("keeper");
      await keeper.subscribed(channel);
      await stage.publish(channel, 1, 2);
      const { epoch } = (await keeper.call("history", { channel })) as Past;
      const ann = await stage.guest("ann");
      const states = [
        { offset: 1, epoch },
        { offset: 10, epoch },
      ];
      await ann.subscribed(channel, { states, recoverable: true });
      expect(await ann.got(channel, 1)).toEqual([2]);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, 3, 4, 5, 6, 7, 8, 9, 10);
      stage.mend();
      await ann.event("getState", channel, 2);
      expect(await ann.event("subscribed", channel, 2)).toMatchObject({ recovered: true });
      await stage.publish(channel, 11);
      expect(await ann.got(channel, 2)).toEqual([2, 11]);
    },
  },
  {
    name: "delta",
    shows: "patches (Fossil) are applied, also after a cut",
    client: async (stage) => {
      const channel = stage.channel("delta");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel, { delta: "fossil", recoverable: true });
      await stage.publish(channel, state(1), state(2), state(3));
      await ann.got(channel, 3);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, state(4), state(5));
      stage.mend();
      await ann.event("subscribed", channel, 2);
      await stage.publish(channel, state(6), state(7));
      expect(await ann.got(channel, 7)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => state(n)));
      if (!stage.has("delta statistics")) return;
      const { numDeltaPayloads } = (await ann.call("deltaStatistics", { channel })) as { numDeltaPayloads: number };
      expect(numDeltaPayloads).toBeGreaterThanOrEqual(3);
    },
  },
  {
    name: "messages to the server",
    shows: "`send` is taken and, where no application wants it, dropped",
    needs: "messages",
    client: async (stage) => {
      const ann = await stage.guest();
      await ann.call("send", { data: { hello: 1 } });
      await ann.subscribed(stage.channel("plain"));
      expect(ann.all("disconnected")).toEqual([]);
    },
  },
];
