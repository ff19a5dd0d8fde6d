import {
  type Broker,
  type BrokerPublication,
  BrokerUnavailableError,
  type DisconnectCommand,
  type Position,
} from "@belay/gateway/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";

/** What a broker is made on, for the contract. */
export interface BrokerMedium extends AsyncDisposable {
  /** A broker that is not started. */
  open(): Broker;
}

/** A medium that can be away. */
export interface LosableBrokerMedium extends BrokerMedium {
  /** Takes the medium away. */
  leave(): Promise<void>;
  /** Brings it back, without its data. */
  comeBack(): Promise<void>;
}

export interface BrokerSubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same broker. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<BrokerMedium>;
}

/** A started broker and everything it reported. */
export class BrokerNode implements AsyncDisposable {
  readonly broker: Broker;
  readonly publications: BrokerPublication[] = [];
  readonly disconnects: DisconnectCommand[] = [];
  readonly connected: boolean[] = [];

  constructor(broker: Broker) {
    this.broker = broker;
  }

  async start(): Promise<this> {
    await this.broker.start({
      onPublication: (publication) => void this.publications.push(publication),
      onDisconnect: (command) => void this.disconnects.push(command),
      onConnected: (connected) => void this.connected.push(connected),
    });
    return this;
  }

  of(channel: string): readonly BrokerPublication[] {
    return this.publications.filter((publication) => publication.channel === channel);
  }

  texts(channel: string): readonly string[] {
    return this.of(channel).map(({ data }) => data.toString());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.close();
  }
}

/** Every broker keeps these rules; docs/redis.md tells them in words. */
export function brokerContract({ name, nodes, openMedium }: BrokerSubject): void {
  describe(`broker: ${name}`, () => {
    let medium: BrokerMedium;
    let here: BrokerNode;
    let there: BrokerNode;
    let counter = 0;
    const fresh = (): string => `chat:${(counter += 1)}`;

    beforeAll(async () => {
      medium = await openMedium();
      here = await new BrokerNode(medium.open()).start();
      there = nodes === 1 ? here : await new BrokerNode(medium.open()).start();
      await eventually("connected", 5_000, () => here.broker.connected && there.broker.connected);
    });

    afterAll(async () => {
      await here[Symbol.asyncDispose]();
      await there[Symbol.asyncDispose]();
      await medium[Symbol.asyncDispose]();
    });

    test("[BR1] every subscriber sees a channel in the order of its positions, without a gap, whichever node publishes", async () => {
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
      const channel = fresh();
      const positions = await Promise.all(
        Array.from({ length: 100 }, (_, index) => here.broker.publish({ channel, data: Buffer.from(`${index}`) })),
      );
      expect(positions.map(({ offset }) => offset)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    });

    test("[BR2] what is published after subscribe has resolved is delivered", async () => {
      for (let round = 0; round < 30; round += 1) {
        const channel = fresh();
        await there.broker.subscribe(channel);
        await here.broker.publish({ channel, data: Buffer.from("first") });
        await eventually("delivered", 2_000, () => there.texts(channel).length === 1);
        expect(there.texts(channel)).toEqual(["first"]);
      }
    });

    test("[BR3] data and info pass byte for byte", async () => {
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
        await here.broker.publish({ channel, data, info: Buffer.from(`{"user":"ü:${data.length}"}`) });
      }
      await eventually("all arrived", 3_000, () => there.of(channel).length === payloads.length * 2);
      for (const [index, data] of payloads.entries()) {
        const plain = there.of(channel)[index * 2];
        const informed = there.of(channel)[index * 2 + 1];
        expect(plain?.data.equals(data)).toBe(true);
        expect(plain?.info).toBeUndefined();
        expect(informed?.data.equals(data)).toBe(true);
        expect(informed?.info?.toString()).toBe(`{"user":"ü:${data.length}"}`);
      }
    });

    test("[BR3] channel names pass as they are", async () => {
      for (const channel of ["a}b{c", "{tag}.c:x", "grüße 👋", " ", "*", "a\nb", `long${"g".repeat(250)}`]) {
        await there.broker.subscribe(channel);
        await here.broker.publish({ channel, data: Buffer.from("1") });
        await eventually(`delivered to ${channel}`, 2_000, () => there.of(channel).length === 1);
        expect(there.texts(channel)).toEqual(["1"]);
      }
    });

    test("[BR4] only subscribed channels are delivered; an unsubscribed one ends at once and can be taken up again", async () => {
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
      const [one, two] = [fresh(), fresh()];
      const first = await here.broker.publish({ channel: one, data: Buffer.from("1") });
      const other = await here.broker.publish({ channel: two, data: Buffer.from("1") });
      const second = await there.broker.publish({ channel: one, data: Buffer.from("2") });
      expect([first.offset, second.offset, other.offset]).toEqual([1, 2, 1]);
      expect(second.epoch).toBe(first.epoch);
      expect(first.epoch).not.toBe("");
    });

    test("[BR6] a disconnect command reaches every node, the sender included", async () => {
      const command: DisconnectCommand = { user: `ü${fresh()}`, client: "c-1", code: 3503, reason: "force disconnect" };
      const everyone: DisconnectCommand = { user: command.user, code: 3000, reason: "again" };
      await here.broker.sendDisconnect(command);
      await here.broker.sendDisconnect(everyone);
      for (const node of [here, there]) {
        await eventually(
          "heard",
          2_000,
          () => node.disconnects.filter(({ user }) => user === command.user).length === 2,
        );
        expect(node.disconnects.filter(({ user }) => user === command.user)).toEqual([command, everyone]);
      }
    });

    test("[BR8] a closed broker refuses and delivers nothing more", async () => {
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
      const before = await here.broker.publish({ channel, data: Buffer.from("before") });
      await medium.leave();
      try {
        const startedMs = performance.now();
        await expect(here.broker.publish({ channel, data: Buffer.from("lost") })).rejects.toThrow(
          BrokerUnavailableError,
        );
        await expect(here.broker.subscribe("chat:2")).rejects.toThrow(BrokerUnavailableError);
        await expect(here.broker.sendDisconnect({ user: "u", code: 3000, reason: "x" })).rejects.toThrow(
          BrokerUnavailableError,
        );
        expect(performance.now() - startedMs).toBeLessThan(2_000);
        await eventually("both know", 3_000, () => !here.broker.connected && !there.broker.connected);
        expect(there.connected.at(-1)).toBe(false);
      } finally {
        await medium.comeBack();
      }
      await eventually("both are back", 5_000, () => here.broker.connected && there.broker.connected);
      expect(there.connected.at(-1)).toBe(true);
      const after = await here.broker.publish({ channel, data: Buffer.from("after") });
      await eventually("delivered again", 2_000, () => there.texts(channel).includes("after"));
      expect(after.epoch).not.toBe(before.epoch);
      expect(there.texts(channel)).not.toContain("lost");
    });
  });
}

async function publishText(broker: Broker, channel: string, text: string): Promise<readonly [string, Position]> {
  return [text, await broker.publish({ channel, data: Buffer.from(text) })];
}
