import type { Broker, PresenceEvent, PresenceMember } from "@belay/gateway/internal";
import { describe, expect, test } from "vitest";
import { type BrokerSubject, openPair } from "./broker-subject.ts";
import { eventually } from "./eventually.ts";

const LONG_MS = 60_000;

function member(client: string, user: string, info = `{"client":"${client}"}`): PresenceMember {
  return { client, user, info: Buffer.from(info) };
}

async function present(broker: Broker, channel: string): Promise<readonly string[]> {
  const members = await broker.presence(channel);
  return members.map(({ client, user, info }) => `${client} ${user} ${info.toString()}`).toSorted();
}

/** Who is where. */
export function brokerPresenceContract(subject: BrokerSubject): void {
  describe(`who is where: ${subject.name}`, () => {
    const pair = openPair(subject);

    test("[BR24] members are seen from every node until they are removed; adding again replaces", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      expect(await present(here.broker, channel)).toEqual([]);
      await here.broker.addPresence(channel, member("c1", "ann"), LONG_MS);
      await there.broker.addPresence(channel, member("c2", "12:ü:"), LONG_MS);
      await there.broker.addPresence(channel, member("c3", "", ""), LONG_MS);
      expect(await present(there.broker, channel)).toEqual([
        'c1 ann {"client":"c1"}',
        'c2 12:ü: {"client":"c2"}',
        "c3  ",
      ]);
      await here.broker.addPresence(channel, member("c1", "ann", "new"), LONG_MS);
      await here.broker.removePresence(channel, "c3");
      await here.broker.removePresence(channel, "nobody");
      expect(await present(here.broker, channel)).toEqual(["c1 ann new", 'c2 12:ü: {"client":"c2"}']);
      expect(await present(here.broker, fresh())).toEqual([]);
    });

    test("[BR24] a member is forgotten after its time unless it is added again", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await here.broker.addPresence(channel, member("short", "ann"), 100);
      await here.broker.addPresence(channel, member("renewed", "bob"), 100);
      await here.broker.addPresence(channel, member("renewed", "bob"), LONG_MS);
      await eventually("forgotten", 2_000, async () => (await there.broker.presence(channel)).length === 1);
      expect(await present(there.broker, channel)).toEqual(['renewed bob {"client":"renewed"}']);
      expect(await there.broker.presenceStats(channel)).toEqual({ clients: 1, users: 1 });
    });

    test("[BR25] clients and distinct users are counted", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const stats = async (): Promise<readonly number[]> => {
        const { clients, users } = await there.broker.presenceStats(channel);
        return [clients, users];
      };
      expect(await stats()).toEqual([0, 0]);
      for (const client of ["a1", "a2", "a3"]) await here.broker.addPresence(channel, member(client, "ann"), LONG_MS);
      await there.broker.addPresence(channel, member("b1", "bob"), LONG_MS);
      await there.broker.addPresence(channel, member("b1", "bob"), LONG_MS);
      expect(await stats()).toEqual([4, 2]);
      await there.broker.addPresence(channel, member("b1", "carol"), LONG_MS);
      expect(await stats()).toEqual([4, 2]);
      await here.broker.removePresence(channel, "a1");
      expect(await stats()).toEqual([3, 2]);
      for (const client of ["a2", "a3", "a3"]) await here.broker.removePresence(channel, client);
      expect(await stats()).toEqual([1, 1]);
      await here.broker.addPresence(channel, member("d1", "dan"), 80);
      await eventually("dan is gone", 2_000, async () => (await stats())[0] === 1);
      expect(await stats()).toEqual([1, 1]);
      await here.broker.removePresence(channel, "b1");
      expect(await stats()).toEqual([0, 0]);
    });

    test("[BR26] coming and going is told to the nodes subscribed to the channel, and is no publication", async () => {
      const { here, there, fresh } = pair();
      const [channel, silent] = [fresh(), fresh()];
      await there.broker.subscribe(channel);
      const info = Buffer.from('{"user":"ü","client":"1:2:3"}');
      const events: readonly PresenceEvent[] = [
        { channel, kind: "join", info },
        { channel, kind: "leave", info: Buffer.alloc(0) },
      ];
      await here.broker.publishPresenceEvent({ channel: silent, kind: "join", info });
      for (const event of events) await here.broker.publishPresenceEvent(event);
      const heard = (): readonly PresenceEvent[] =>
        there.presenceEvents.filter((event) => [channel, silent].includes(event.channel));
      await eventually("both", 2_000, () => heard().length === 2);
      expect(heard()).toEqual(events);
      expect(there.of(channel)).toEqual([]);
      expect((await here.broker.history({ channel })).position.offset).toBe(0);
    });
  });
}
