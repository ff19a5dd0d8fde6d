import { eventually } from "@belay/testkit";
import { expect } from "vitest";
import type { Scenario } from "./scenario.ts";

/** The server API, as a server library calls it. */
export const serverLibraryScenarios: readonly Scenario[] = [
  {
    name: "server: publish",
    shows: "tags; once per idempotency key; kept or not; binary; refusals have their code",
    server: async (server, stage) => {
      const channel = stage.channel("kept");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel);
      const first = await server.call("publish", { channel, data: "once", idempotency_key: "k", tags: { a: "b" } });
      expect(first).toMatchObject({ offset: 1 });
      expect(await server.call("publish", { channel, data: "twice", idempotency_key: "k" })).toEqual(first);
      await server.call("publish", { channel, data: "not kept", skip_history: true });
      await server.call("publish", { channel, data: null, b64data: Buffer.from('{"b":64}').toString("base64") });
      expect(await ann.got(channel, 3)).toEqual(["once", "not kept", { b: 64 }]);
      expect(ann.all("publication", channel)[0]?.["tags"]).toEqual({ a: "b" });
      const { publications } = await server.call("history", { channel, limit: 10 });
      expect(publications).toMatchObject([{ data: "once" }, { data: { b: 64 } }]);
      const refused = server.call("publish", { channel: stage.channel("nowhere"), data: 1 });
      await expect(refused).rejects.toMatchObject({ code: 102 });
    },
  },
  {
    name: "server: broadcast",
    shows: "to many channels, each with an answer of its own",
    server: async (server, stage) => {
      const [one, two] = [stage.channel("plain", "-1"), stage.channel("plain", "-2")];
      const ann = await stage.guest("ann");
      await Promise.all([ann.subscribed(one), ann.subscribed(two)]);
      const { responses } = await server.call("broadcast", {
        channels: [one, stage.channel("nowhere"), two],
        data: "all",
      });
      expect(responses).toMatchObject([{ error: null }, { error: { code: 102 } }, { error: null }]);
      expect([await ann.got(one, 1), await ann.got(two, 1)]).toEqual([["all"], ["all"]]);
    },
  },
  {
    name: "server: batch",
    shows: "many calls in one request, answered in order",
    server: async (server, stage) => {
      const channel = stage.channel("kept");
      const publish = (data: unknown) => ({ op: "publish", args: { channel, data } });
      const requests = [publish(1), publish(2), { op: "history", args: { channel, limit: 10 } }];
      const { replies } = await server.call("batch", { requests });
      expect(replies).toMatchObject([{ offset: 1 }, { offset: 2 }, { publications: [{ data: 1 }, { data: 2 }] }]);
    },
  },
  {
    name: "server: history",
    shows: "by `limit`, `since`, `reverse`, and removed",
    server: async (server, stage) => {
      const channel = stage.channel("kept");
      await stage.publish(channel, 1, 2, 3);
      const { epoch } = await server.call("history", { channel });
      const read = async (options: object) => {
        const { publications } = await server.call("history", { channel, ...options });
        return (publications as readonly { data: unknown }[]).map(({ data }) => data);
      };
      expect(await read({ limit: 10, since: { offset: 1, epoch } })).toEqual([2, 3]);
      expect(await read({ limit: 2, reverse: true })).toEqual([3, 2]);
      await server.call("history_remove", { channel });
      expect(await read({ limit: 10 })).toEqual([]);
    },
  },
  {
    name: "server: presence, presence stats",
    shows: "who is in a channel",
    server: async (server, stage) => {
      const channel = stage.channel("room");
      const actors = [await stage.guest("ann"), await stage.guest("ann"), await stage.guest("bob")];
      for (const actor of actors) await actor.subscribed(channel);
      const { presence } = await server.call("presence", { channel });
      const users = Object.values(presence as Record<string, { user: string }>).map(({ user }) => user);
      expect(users.toSorted()).toEqual([stage.user("ann"), stage.user("ann"), stage.user("bob")]);
      expect(await server.call("presence_stats", { channel })).toEqual({ num_clients: 3, num_users: 2 });
    },
  },
  {
    name: "server: subscribe, unsubscribe",
    shows: "a user's connections, with data and a position to recover from",
    server: async (server, stage) => {
      const channel = stage.channel("kept");
      const ann = await stage.guest("ann");
      const user = stage.user("ann");
      await stage.publish(channel, 1, 2);
      const { epoch } = await server.call("history", { channel });
      const override = { force_recovery: { value: true } };
      const order = { user, channel, data: "welcome", recover_since: { offset: 1, epoch }, override };
      await server.call("subscribe", order);
      expect(await ann.event("serverSubscribed", channel)).toMatchObject({ data: "welcome" });
      expect(await ann.got(channel, 1, "serverPublication")).toEqual([2]);
      await server.call("unsubscribe", { user, channel });
      await ann.event("serverUnsubscribed", channel);
    },
  },
  {
    name: "server: disconnect",
    shows: "all clients of a user, or one, with a code",
    server: async (server, stage) => {
      const [one, two] = [await stage.guest("ann"), await stage.guest("ann")];
      const client = one.all("connected")[0]?.["client"];
      const user = stage.user("ann");
      await server.call("disconnect", { user, client, disconnect: { code: 4501, reason: "kicked" } });
      expect((await one.event("disconnected")).code).toBe(4501);
      expect(two.all("disconnected")).toEqual([]);
      await server.call("disconnect", { user });
      expect((await two.event("disconnected")).code).toBe(3503);
    },
  },
  {
    name: "server: refresh",
    shows: "moves the end of connections, or ends them as expired: the client comes back",
    server: async (server, stage) => {
      const user = stage.user("ann");
      const ann = await stage.guest("ann");
      await server.call("refresh", { user, expire_at: Math.floor(Date.now() / 1000) + 600 });
      await server.call("refresh", { user, expired: true });
      expect((await ann.event("connecting", undefined, 2)).code).toBe(3005);
      await ann.event("connected", undefined, 2);
    },
  },
  {
    name: "server: channels, info",
    shows: "channels with subscribers and the nodes of the cluster",
    server: async (server, stage) => {
      const channel = stage.channel("plain");
      const actors = [await stage.guest(), await stage.guest()];
      for (const actor of actors) await actor.subscribed(channel);
      expect((await server.call("channels", { pattern: `${channel}*` }))["channels"]).toEqual({
        [channel]: { num_clients: 2 },
      });
      const nodes = await eventually("both nodes", 10_000, async () => {
        const info = await server.call("info");
        const seen = info["nodes"] as readonly { readonly uid: string }[];
        return seen.length === 2 && seen;
      });
      expect(new Set(nodes.map(({ uid }) => uid)).size).toBe(2);
    },
  },
];
