import { eventually } from "@belay/testkit";
import { expect } from "vitest";
import type { Scenario } from "./scenario.ts";

/** A token that ends while its scenario waits, but not before a busy machine has connected with it. */
const SOON_SECONDS = 8;

/** Who one is, and how a connection begins, goes on and ends. */
export const connectionScenarios: readonly Scenario[] = [
  {
    name: "connect",
    shows: "without a token; every client has a name of its own",
    client: async (stage) => {
      const [ann, bob] = [await stage.client(), await stage.client()];
      const [annSeen, bobSeen] = [await ann.connected(), await bob.connected()];
      expect(annSeen["client"]).toMatch(/^[0-9a-f-]{36}$/);
      expect(annSeen["client"]).not.toBe(bobSeen["client"]);
    },
  },
  {
    name: "connect with a token",
    shows: "`sub` is the user, the claim `info` is shown to others",
    client: async (stage) => {
      const channel = stage.channel("room");
      const ann = await stage.client({ token: await stage.token("ann", { info: { name: "Ann", n: [1, 2.5] } }) });
      const { client } = await ann.connected();
      await ann.subscribed(channel);
      const members = (await ann.call("presence", { channel })) as Record<string, object>;
      expect(Object.keys(members)).toEqual([client]);
      expect(members[String(client)]).toMatchObject({
        user: stage.user("ann"),
        connInfo: { name: "Ann", n: [1, 2.5] },
      });
    },
  },
  {
    name: "refused token",
    shows: "the client stops for good (3500)",
    client: async (stage) => {
      const eve = await stage.client({ token: "e30.e30.e30" });
      await eve.call("connect");
      expect((await eve.event("disconnected")).code).toBe(3500);
      expect(eve.all("connected")).toEqual([]);
    },
  },
  {
    name: "token refresh",
    shows: "an expired token is replaced before connecting, one that ends is renewed in place",
    client: async (stage) => {
      const channel = stage.channel("room");
      const ann = await stage.client({
        token: await stage.token("ann", {}, -60),
        tokens: [await stage.token("ann", {}, SOON_SECONDS), await stage.token("ann")],
      });
      await ann.connected();
      expect(ann.all("getToken")).toHaveLength(1);
      await ann.subscribed(channel);
      await ann.event("getToken", undefined, 2);
      await ann.publish(channel, "still here");
      expect(await ann.got(channel, 1)).toEqual(["still here"]);
      expect([ann.all("connected").length, ann.all("disconnected").length]).toEqual([1, 0]);
    },
  },
  {
    name: "subscription token",
    shows: "opens a private channel, and is renewed in place",
    client: async (stage) => {
      const channel = `$${stage.channel("room")}`;
      const ann = await stage.guest("ann");
      await ann.call("subscribe", { channel: `${channel}-other` });
      expect((await ann.event("unsubscribed")).code).toBe(103);
      const claims = { channel };
      await ann.subscribed(channel, {
        tokens: [await stage.token("ann", claims, SOON_SECONDS), await stage.token("ann", claims)],
      });
      await ann.event("getSubscriptionToken", channel, 2);
      await stage.publish(channel, 1);
      expect(await ann.got(channel, 1)).toEqual([1]);
      expect(ann.all("subscribed", channel)).toHaveLength(1);
    },
  },
  {
    name: "refused commands",
    shows: "unknown namespace 102, no permission 103, nothing kept 108; the connection stays",
    client: async (stage) => {
      const ann = await stage.guest("ann");
      const [unknown, closed, plain] = [stage.channel("nowhere"), stage.channel("closed"), stage.channel("plain")];
      await ann.call("subscribe", { channel: unknown });
      expect((await ann.event("unsubscribed", unknown)).code).toBe(102);
      expect(await ann.refusal("publish", { channel: closed, data: 1 })).toBe(103);
      await ann.subscribed(plain);
      expect(await ann.refusal("history", { channel: plain, limit: 1 })).toBe(108);
      expect(await ann.refusal("presence", { channel: plain })).toBe(108);
      expect([ann.all("connected").length, ann.all("disconnected").length]).toEqual([1, 0]);
    },
  },
  {
    name: "pings",
    shows: "are answered: the connection stays past the time-out for pongs",
    client: async (stage) => {
      const channel = stage.channel("plain");
      const ann = await stage.guest();
      await ann.subscribed(channel);
      const endMs = Date.now() + 12_500;
      await eventually("two pings and their time-outs", 30_000, () => Date.now() > endMs);
      await stage.publish(channel, "after");
      expect(await ann.got(channel, 1)).toEqual(["after"]);
      expect(ann.all("connecting")).toHaveLength(1);
    },
  },
  {
    name: "close: come back",
    shows: "3001 makes the client connect and subscribe again",
    client: async (stage) => {
      const channel = stage.channel("plain");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel);
      await stage.api("disconnect", { user: stage.user("ann"), disconnect: { code: 3001, reason: "shutdown" } });
      expect((await ann.event("connecting", undefined, 2)).code).toBe(3001);
      await ann.event("subscribed", channel, 2);
      await stage.publish(channel, "again");
      expect(await ann.got(channel, 1)).toEqual(["again"]);
      expect(ann.all("disconnected")).toEqual([]);
    },
  },
  {
    name: "close: for good",
    shows: "3503 and an application's own 4500 keep the client away",
    client: async (stage) => {
      const [ann, bob] = [await stage.guest("ann"), await stage.guest("bob")];
      await stage.api("disconnect", { user: stage.user("ann") });
      await stage.api("disconnect", { user: stage.user("bob"), disconnect: { code: 4500, reason: "banned" } });
      expect((await ann.event("disconnected")).code).toBe(3503);
      expect((await bob.event("disconnected")).code).toBe(4500);
      expect([ann.all("connecting").length, bob.all("connecting").length]).toEqual([1, 1]);
    },
  },
  {
    name: "disconnect",
    shows: "by the client; it can connect again",
    client: async (stage) => {
      const ann = await stage.guest();
      await ann.call("disconnect");
      expect((await ann.event("disconnected")).code).toBe(0);
      await ann.call("connect");
      await ann.event("connected", undefined, 2);
    },
  },
];
