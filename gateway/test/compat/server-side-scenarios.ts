import { expect } from "vitest";
import type { Scenario } from "./scenario.ts";

/** What the server does with a client's subscriptions. */
export const serverSideScenarios: readonly Scenario[] = [
  {
    name: "server-side subscriptions",
    shows: "of the token's `subs`, with data; recovered after a cut",
    client: async (stage) => {
      const channel = stage.channel("forced");
      const ann = await stage.client({
        token: await stage.token("ann", { subs: { [channel]: { data: { welcome: true } } } }),
      });
      await ann.connected();
      expect(await ann.event("serverSubscribed", channel)).toMatchObject({
        data: { welcome: true },
        recoverable: true,
      });
      await stage.publish(channel, 1, 2);
      await ann.got(channel, 2, "serverPublication");
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await stage.publish(channel, 3, 4);
      stage.mend();
      expect(await ann.event("serverSubscribed", channel, 2)).toMatchObject({ wasRecovering: true, recovered: true });
      await stage.publish(channel, 5);
      expect(await ann.got(channel, 5, "serverPublication")).toEqual([1, 2, 3, 4, 5]);
    },
  },
  {
    name: "subscribed by the server",
    shows: "in the middle of a connection, and unsubscribed again",
    client: async (stage) => {
      const channel = stage.channel("room");
      const ann = await stage.guest("ann");
      const user = stage.user("ann");
      await stage.api("subscribe", { user, channel, data: { why: "invited" } });
      expect(await ann.event("serverSubscribed", channel)).toMatchObject({ data: { why: "invited" } });
      await stage.publish(channel, "heard");
      expect(await ann.got(channel, 1, "serverPublication")).toEqual(["heard"]);
      await stage.api("unsubscribe", { user, channel });
      await ann.event("serverUnsubscribed", channel);
      await stage.publish(channel, "unheard");
      await ann.call("history", { channel: stage.channel("kept") }).catch(() => undefined);
      expect(ann.payloads(channel, "serverPublication")).toEqual(["heard"]);
    },
  },
  {
    name: "unsubscribed by the server",
    shows: "for good (2000); the client may subscribe again",
    client: async (stage) => {
      const channel = stage.channel("room");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel);
      await stage.api("unsubscribe", { user: stage.user("ann"), channel });
      expect((await ann.event("unsubscribed", channel)).code).toBe(2000);
      await ann.call("resubscribe", { channel });
      await ann.event("subscribed", channel, 2);
      await stage.publish(channel, "heard");
      expect(await ann.got(channel, 1)).toEqual(["heard"]);
    },
  },
  {
    name: "state invalidated",
    shows: "a namespace that works otherwise from now on (2502) makes clients subscribe anew by themselves",
    client: async (stage) => {
      const channel = stage.channel("changing");
      const ann = await stage.guest("ann");
      await ann.subscribed(channel);
      await stage.everybodyIsHere();
      expect((await ann.event("subscribing", channel, 2)).code).toBe(2502);
      await ann.event("subscribed", channel, 2);
      await stage.publish(channel, "kept now");
      expect(await ann.got(channel, 1)).toEqual(["kept now"]);
      expect(await ann.call("history", { channel, limit: 1 })).toMatchObject({ publications: [{ data: "kept now" }] });
      expect(ann.all("connected")).toHaveLength(1);
    },
    once: ({ change }) => change(),
  },
  {
    name: "tags filter",
    shows: "only publications whose tags fit come, also after a cut",
    client: async (stage) => {
      const channel = stage.channel("tagged");
      const publish = (data: unknown, tags: object) => stage.api("publish", { channel, data, tags });
      const ann = await stage.guest("ann");
      const tagsFilter = {
        op: "and",
        nodes: [
          { key: "sport", cmp: "in", vals: ["chess", "go"] },
          { key: "rank", cmp: "gte", val: "9" },
        ],
      };
      await ann.subscribed(channel, { tagsFilter, recoverable: true });
      await publish("a", { sport: "chess", rank: "10" });
      await publish("b", { sport: "golf", rank: "10" });
      await publish("c", { sport: "go", rank: "8" });
      await publish("d", { sport: "go", rank: "9" });
      await ann.got(channel, 2);
      stage.cut();
      await ann.event("connecting", undefined, 2);
      await publish("e", { rank: "10" });
      await publish("f", { sport: "chess", rank: "11" });
      stage.mend();
      expect(await ann.event("subscribed", channel, 2)).toMatchObject({ recovered: true });
      await publish("g", { sport: "go", rank: "12" });
      expect(await ann.got(channel, 4)).toEqual(["a", "d", "f", "g"]);
      expect(ann.all("publication", channel)[3]?.["tags"]).toEqual({ sport: "go", rank: "12" });
    },
  },
];
