import { systemClock } from "@belay/gateway";
import { BrokerUnavailableError, type Position } from "@belay/gateway/internal";
import { describe, expect, test } from "vitest";
import { brokerHistoryContract } from "./broker-history-contract.ts";
import { brokerPresenceContract } from "./broker-presence-contract.ts";
import { BrokerNode, type BrokerSubject, type LosableBrokerMedium, openPair, publishText } from "./broker-subject.ts";
import { eventually } from "./eventually.ts";

/** Every broker keeps these rules; docs/redis.md tells them in words. */
export function brokerContract(subject: BrokerSubject): void {
  brokerOrderContract(subject);
  brokerHistoryContract(subject);
  brokerPresenceContract(subject);
}

function brokerOrderContract(subject: BrokerSubject): void {
  describe(`broker: ${subject.name}`, () => {
    const pair = openPair(subject);

    test("[BR1] every subscriber sees a channel in the order of its positions, without a gap, whichever node publishes", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await Promise.all([here.broker.subscribe(channel), there.broker.subscribe(channel)]);
      const published: Promise<readonly [string, Position]>[] = [];
      for (let index = 0; index < 200; index += 1) {
        const { broker } = index % 2 === 0 ? here : there;
        published.push(publishText(broker, channel, `m${index}`));
        if (index % 10 === 0) await published.at(-1);
      }
      const positions = new Map(await Promise.all(published));
      await eventually("all arrived", 3_000, () => here.of(channel).length >= 200 && there.of(channel).length >= 200);
      for (const node of [here, there]) {
        const seen = node.of(channel);
        expect(seen.map(({ position }) => position.offset)).toEqual(
          Array.from({ length: 200 }, (_, index) => index + 1),
        );
        expect(new Set(seen.map(({ position }) => position.epoch)).size).toBe(1);
        expect(seen.map(({ data, position }) => [data.toString(), position])).toEqual(
          seen.map(({ data }) => [data.toString(), positions.get(data.toString())]),
        );
      }
    });

    test("[BR1] publications that one node makes in a row keep their order", async () => {
      const { here, fresh } = pair();
      const channel = fresh();
      const positions = await Promise.all(
        Array.from({ length: 100 }, (_, index) => publishText(here.broker, channel, `${index}`)),
      );
      expect(positions.map(([, { offset }]) => offset)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    });

    test("[EPH1] an ephemeral publication reaches every subscribed node without a place, and takes none", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await Promise.all([here.broker.subscribe(channel), there.broker.subscribe(channel)]);
      await here.broker.publishEphemeral({ channel, key: "ann", data: Buffer.from("typing"), tags: { a: "b" } });
      await here.broker.publishEphemeral({ channel: fresh(), key: "", data: Buffer.from("to nobody") });
      const [, position] = await publishText(here.broker, channel, "message");
      expect(position.offset).toBe(1);
      for (const node of [here, there]) {
        await eventually("both arrived", 3_000, () => node.of(channel).length === 2);
        expect(node.of(channel)[0]).toMatchObject({ ephemeralKey: "ann", offset: 0, tags: { a: "b" } });
        expect(node.texts(channel)).toEqual(["typing", "message"]);
      }
      expect((await here.broker.history({ channel })).publications).toEqual([]);
    });

    test("[BR2] what is published after subscribe has resolved is delivered", async () => {
      const { here, there, fresh } = pair();
      for (let round = 0; round < 30; round += 1) {
        const channel = fresh();
        await there.broker.subscribe(channel);
        await here.broker.publish({ channel, data: Buffer.from("first") });
        await eventually("delivered", 2_000, () => there.texts(channel).length === 1);
        expect(there.texts(channel)).toEqual(["first"]);
      }
    });

    test("[BR3] data and info pass byte for byte, tags as they are, with the time of the medium", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await there.broker.subscribe(channel);
      const payloads = [
        Buffer.from("{}"),
        Buffer.from('{"n":1.0,"big":12345678901234567890,"s":"\\u0000:::"}'),
        Buffer.from('"grüße 👋🏽 \u2028 \u202e שלום"'),
        Buffer.from("1:2:3:4:"),
        Buffer.alloc(0),
        Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
        Buffer.alloc(65_536, "x"),
      ];
      for (const data of payloads) {
        await here.broker.publish({ channel, data });
        await here.broker.publish({
          channel,
          data,
          info: Buffer.from(`{"user":"ü:${data.length}"}`),
          tags: { "ü:,": `${data.length}`, empty: "" },
          useDelta: true,
        });
      }
      await eventually("all arrived", 3_000, () => there.of(channel).length === payloads.length * 2);
      for (const [index, data] of payloads.entries()) {
        const [plain, informed] = there.of(channel).slice(index * 2, index * 2 + 2);
        expect([plain?.data, plain?.info, plain?.tags, plain?.useDelta]).toEqual([
          data,
          undefined,
          undefined,
          undefined,
        ]);
        expect(informed).toMatchObject({
          data,
          info: Buffer.from(`{"user":"ü:${data.length}"}`),
          tags: { "ü:,": `${data.length}`, empty: "" },
          useDelta: true,
        });
        expect(Math.abs(Number(informed?.timeMs) - systemClock.date().getTime())).toBeLessThan(60_000);
      }
    });

    test("[BR3] channel names pass as they are", async () => {
      const { here, there } = pair();
      for (const channel of ["a}b{c", "{tag}.c:x", "grüße 👋", " ", "*", "a\nb", `long${"g".repeat(250)}`]) {
        await there.broker.subscribe(channel);
        await here.broker.publish({ channel, data: Buffer.from("1") });
        await eventually(`delivered to ${channel}`, 2_000, () => there.of(channel).length === 1);
        expect(there.texts(channel)).toEqual(["1"]);
      }
    });

    test("[BR4] only subscribed channels are delivered; an unsubscribed one ends at once and can be taken up again", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const silent = fresh();
      await there.broker.subscribe(channel);
      await here.broker.publish({ channel: silent, data: Buffer.from("unheard") });
      await publishText(here.broker, channel, "one");
      await eventually("one", 2_000, () => there.texts(channel).length === 1);
      await there.broker.unsubscribe(channel);
      await publishText(here.broker, channel, "two");
      await there.broker.subscribe(channel);
      await publishText(here.broker, channel, "three");
      await eventually("three", 2_000, () => there.texts(channel).includes("three"));
      // "two" may still have been under way when the channel was taken up again; "unheard" never.
      expect(there.texts(channel).at(-1)).toBe("three");
      expect(there.of(silent)).toEqual([]);
      await there.broker.unsubscribe(channel);
      await there.broker.unsubscribe(channel);
      const witness = fresh();
      await there.broker.subscribe(witness);
      await publishText(here.broker, channel, "four");
      await publishText(here.broker, witness, "later");
      await eventually("the witness", 2_000, () => there.texts(witness).length === 1);
      expect(there.texts(channel)).not.toContain("four");
    });

    test("[BR5] positions count without subscribers, and each channel for itself", async () => {
      const { here, there, fresh } = pair();
      const [one, two] = [fresh(), fresh()];
      const [, first] = await publishText(here.broker, one, "1");
      const [, other] = await publishText(here.broker, two, "1");
      const [, second] = await publishText(there.broker, one, "2");
      expect([first.offset, second.offset, other.offset]).toEqual([1, 2, 1]);
      expect(second.epoch).toBe(first.epoch);
      expect(first.epoch).not.toBe("");
    });

    test("[BR6] a message to all nodes reaches every node, the sender included; one to a node reaches that node only", async () => {
      const { here, there, fresh } = pair();
      const text = `{"ü":"${fresh()}"}`;
      await here.broker.sendToNode("here", Buffer.from(`here ${text}`));
      await here.broker.sendToNode("there", Buffer.from(`there ${text}`));
      await here.broker.sendToNode("nobody", Buffer.from(`nobody ${text}`));
      await here.broker.sendToNode("all", Buffer.from(`all ${text}`));
      for (const [node, name] of [
        [here, "here"],
        [there, here === there ? "here" : "there"],
      ] as const) {
        await eventually("heard", 2_000, () => node.messages.includes(`all ${text}`));
        expect(node.messages.filter((message) => message.endsWith(text))).toEqual([`${name} ${text}`, `all ${text}`]);
      }
    });

    test("[BR8] a closed broker refuses and delivers nothing more", async () => {
      const { here, there, fresh, medium } = pair();
      const node = await new BrokerNode(medium.open()).start();
      const channel = fresh();
      await node.broker.subscribe(channel);
      await node.broker.close();
      await expect(node.broker.publish({ channel, data: Buffer.from("x") })).rejects.toThrow(BrokerUnavailableError);
      await expect(node.broker.subscribe(channel)).rejects.toThrow(BrokerUnavailableError);
      await there.broker.subscribe(channel);
      await publishText(here.broker, channel, "y");
      await eventually("others still hear", 2_000, () => there.texts(channel).includes("y"));
      expect(node.publications).toEqual([]);
      expect(node.broker.connected).toBe(false);
    });
  });
}

/** What a broker that depends on something else keeps as well. */
export function brokerOutageContract(name: string, openMedium: () => Promise<LosableBrokerMedium>): void {
  describe(`broker whose medium can be away: ${name}`, () => {
    test("[BR7] while the medium is away everything is refused in bounded time; afterwards subscriptions still hold", async () => {
      const channel = "chat:1";
      await using medium = await openMedium();
      await using here = await new BrokerNode(medium.open()).start();
      await using there = await new BrokerNode(medium.open()).start();
      await there.broker.subscribe(channel);
      const kept = { channel, history: { size: 10, ttlMs: 60_000 } };
      const { position: before } = await here.broker.publish({ ...kept, data: Buffer.from("before") });
      await medium.leave();
      try {
        const startedMs = performance.now();
        await expect(here.broker.publish({ channel, data: Buffer.from("lost") })).rejects.toThrow(
          BrokerUnavailableError,
        );
        await expect(here.broker.subscribe("chat:2")).rejects.toThrow(BrokerUnavailableError);
        await expect(here.broker.sendToNode("all", Buffer.from("x"))).rejects.toThrow(BrokerUnavailableError);
        await expect(here.broker.history({ channel })).rejects.toThrow(BrokerUnavailableError);
        await expect(here.broker.presence(channel)).rejects.toThrow(BrokerUnavailableError);
        expect(performance.now() - startedMs).toBeLessThan(2_000);
        await eventually("both know", 3_000, () => !here.broker.connected && !there.broker.connected);
        expect(there.connected.at(-1)).toBe(false);
      } finally {
        await medium.comeBack();
      }
      await eventually("both are back", 5_000, () => here.broker.connected && there.broker.connected);
      expect(there.connected.at(-1)).toBe(true);
      const { position: after } = await here.broker.publish({ ...kept, data: Buffer.from("after") });
      await eventually("delivered again", 2_000, () => there.texts(channel).includes("after"));
      expect(after.epoch).not.toBe(before.epoch);
      expect(there.texts(channel)).not.toContain("lost");
      const { position, publications } = await there.broker.history({ channel });
      expect([position, publications.map(({ data }) => data.toString())]).toEqual([after, ["after"]]);
    });
  });
}
