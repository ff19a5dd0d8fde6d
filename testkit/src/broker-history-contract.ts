import type { Broker, History, HistoryRequest, PublishOutcome, PublishRequest } from "@belay/gateway/internal";
import { describe, expect, test } from "vitest";
import { type BrokerSubject, openPair } from "./broker-subject.ts";
import { eventually } from "./eventually.ts";

const KEPT = { history: { size: 5, ttlMs: 60_000 } };

/** Publishes the texts one after the other. */
async function publishAll(
  broker: Broker,
  request: Omit<PublishRequest, "data">,
  texts: readonly string[],
): Promise<readonly PublishOutcome[]> {
  const outcomes: PublishOutcome[] = [];
  for (const text of texts) outcomes.push(await broker.publish({ ...request, data: Buffer.from(text) }));
  return outcomes;
}

const shown = ({ publications }: History): readonly string[] =>
  publications.map(({ offset, data }) => `${offset}${data.toString()}`);

/** What is stored, and what is not published. */
export function brokerHistoryContract(subject: BrokerSubject): void {
  describe(`what the broker remembers: ${subject.name}`, () => {
    const pair = openPair(subject);

    test("[BR16] the newest publications are kept, up to the size, and read from any node, whole or in part", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await publishAll(here.broker, { channel, ...KEPT }, ["a", "b", "c", "d", "e", "f", "g"]);
      const read = async (request: Omit<HistoryRequest, "channel">): Promise<readonly string[]> =>
        shown(await there.broker.history({ channel, ...request }));
      const { position } = await there.broker.history({ channel, limit: 0 });
      const at = (offset: number): Pick<HistoryRequest, "since"> => ({ since: { offset, epoch: position.epoch } });
      expect(position.offset).toBe(7);
      expect(await read({})).toEqual(["3c", "4d", "5e", "6f", "7g"]);
      expect(await read({ limit: -1 })).toEqual(["3c", "4d", "5e", "6f", "7g"]);
      expect(await read({ limit: 2 })).toEqual(["3c", "4d"]);
      expect(await read({ limit: 0 })).toEqual([]);
      expect(await read({ limit: 2, reverse: true })).toEqual(["7g", "6f"]);
      expect(await read({ ...at(4) })).toEqual(["5e", "6f", "7g"]);
      expect(await read({ ...at(4), limit: 1 })).toEqual(["5e"]);
      expect(await read({ ...at(5), reverse: true })).toEqual(["4d", "3c"]);
      expect(await read({ ...at(1) })).toEqual(["3c", "4d", "5e", "6f", "7g"]);
      expect(await read({ ...at(7) })).toEqual([]);
      expect(await read({ ...at(1), reverse: true })).toEqual([]);
      for (const offset of [0, 8, -1, 1e21, Number.NaN, 2.5])
        for (const reverse of [true, false])
          await expect(read({ ...at(offset), reverse })).resolves.toBeInstanceOf(Array);
      expect(await read({ since: { offset: 4, epoch: "other" } })).toEqual([]);
      expect(await read({ since: { offset: 4, epoch: "" } })).toEqual(["5e", "6f", "7g"]);
    });

    test("[BR16] what is read is what was delivered", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await there.broker.subscribe(channel);
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await here.broker.publish({ channel, ...KEPT, data: bytes, info: Buffer.from('{"user":"ü"}'), tags: { a: "1" } });
      await here.broker.publish({ channel, ...KEPT, data: Buffer.alloc(0) });
      await eventually("delivered", 2_000, () => there.of(channel).length === 2);
      const { publications, position } = await here.broker.history({ channel });
      const delivered = there.of(channel);
      expect(publications).toEqual(
        delivered.map(({ data, offset, timeMs, info, tags }) => ({
          data,
          offset,
          timeMs,
          ...(info !== undefined && { info }),
          ...(tags !== undefined && { tags }),
        })),
      );
      expect(delivered.at(-1)?.position).toEqual(position);
    });

    test("[BR16] a smaller size takes hold with the next publication", async () => {
      const { here, fresh } = pair();
      const channel = fresh();
      await publishAll(here.broker, { channel, ...KEPT }, ["a", "b", "c"]);
      await publishAll(here.broker, { channel, history: { size: 2, ttlMs: 60_000 } }, ["d"]);
      expect(shown(await here.broker.history({ channel }))).toEqual(["3c", "4d"]);
    });

    test("[BR17] the position of a channel never published to is kept by its first publication", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const { position, publications } = await here.broker.history({ channel });
      expect([position.offset, publications]).toEqual([0, []]);
      expect(position.epoch).not.toBe("");
      expect((await there.broker.history({ channel, limit: 0 })).position).toEqual(position);
      const [first] = await publishAll(there.broker, { channel, ...KEPT }, ["a"]);
      expect(first?.position).toEqual({ offset: 1, epoch: position.epoch });
      expect(shown(await here.broker.history({ channel, since: position }))).toEqual(["1a"]);
    });

    test("[BR18] the history is forgotten some time after the last stored publication; positions go on", async () => {
      const { here, fresh } = pair();
      const channel = fresh();
      const [first] = await publishAll(here.broker, { channel, history: { size: 5, ttlMs: 150 } }, ["a"]);
      expect(shown(await here.broker.history({ channel }))).toEqual(["1a"]);
      await eventually("expired", 2_000, async () => shown(await here.broker.history({ channel })).length === 0);
      expect((await here.broker.history({ channel })).position).toEqual(first?.position);
      await publishAll(here.broker, { channel, ...KEPT }, ["b"]);
      expect(shown(await here.broker.history({ channel }))).toEqual(["2b"]);
    });

    test("[BR18] the history can be removed; positions go on and nothing removed is seen again", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const [, second] = await publishAll(here.broker, { channel, ...KEPT }, ["a", "b"]);
      await there.broker.removeHistory(channel);
      await there.broker.removeHistory(fresh());
      expect(await here.broker.history({ channel })).toEqual({ position: second?.position, publications: [] });
      const [third] = await publishAll(here.broker, { channel, ...KEPT }, ["c"]);
      expect(third?.position).toEqual({ offset: 3, epoch: second?.position.epoch });
      expect(shown(await here.broker.history({ channel }))).toEqual(["3c"]);
    });

    test("[BR19] a publication with a known idempotency key is not made again: the first one's position is the answer", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await there.broker.subscribe(channel);
      const request = { channel, ...KEPT, idempotency: { key: "k:ü", ttlMs: 60_000 } };
      const [first] = await publishAll(here.broker, request, ["a"]);
      await publishAll(here.broker, { channel, ...KEPT }, ["b"]);
      const [again] = await publishAll(there.broker, request, ["c"]);
      expect(again).toEqual({ position: first?.position, suppressed: "duplicate" });
      const [other] = await publishAll(there.broker, { ...request, idempotency: { key: "k", ttlMs: 60_000 } }, ["d"]);
      expect(other?.suppressed).toBeUndefined();
      await eventually("the last", 2_000, () => there.texts(channel).includes("d"));
      expect(there.texts(channel)).toEqual(["a", "b", "d"]);
      expect(shown(await here.broker.history({ channel }))).toEqual(["1a", "2b", "3d"]);
    });

    test("[BR19] of many at once with one key exactly one is made; keys are a channel's own", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const attempts = Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? here : there).broker.publish({
          channel,
          data: Buffer.from("x"),
          idempotency: { key: "k", ttlMs: 60_000 },
        }),
      );
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter(({ suppressed }) => suppressed === undefined)).toHaveLength(1);
      expect(new Set(outcomes.map(({ position }) => JSON.stringify(position))).size).toBe(1);
      for (const [name, key] of [
        [`${channel}:a`, "b"],
        [channel, "a:b"],
        [`${channel}:a:b`, ""],
      ] as const)
        expect(
          await here.broker.publish({ channel: name, data: Buffer.from("x"), idempotency: { key, ttlMs: 60_000 } }),
        ).not.toHaveProperty("suppressed");
    });

    test("[BR19] an idempotency key is forgotten after its time", async () => {
      const { here, fresh } = pair();
      const request = { channel: fresh(), data: Buffer.from("x"), idempotency: { key: "k", ttlMs: 100 } };
      await here.broker.publish(request);
      await eventually("made again", 2_000, async () => {
        const { suppressed, position } = await here.broker.publish(request);
        expect(position.offset).toBe(suppressed === undefined ? 2 : 1);
        return suppressed === undefined;
      });
    });

    test("[BR22] a publication whose version is no larger than the newest one's of the same version epoch is not made", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      const publish = async (broker: Broker, number: number, epoch: string): Promise<unknown> => {
        const outcome = await broker.publish({ channel, ...KEPT, data: Buffer.from("x"), version: { number, epoch } });
        return [outcome.position.offset, outcome.suppressed];
      };
      expect(await publish(here.broker, 9, "")).toEqual([1, undefined]);
      expect(await publish(there.broker, 9, "")).toEqual([1, "outdated"]);
      expect(await publish(here.broker, 8, "")).toEqual([1, "outdated"]);
      expect(await publish(here.broker, 10, "")).toEqual([2, undefined]);
      await publishAll(here.broker, { channel, ...KEPT }, ["unversioned"]);
      expect(await publish(there.broker, 10, "")).toEqual([3, "outdated"]);
      expect(await publish(there.broker, 1, "b")).toEqual([4, undefined]);
      expect(await publish(here.broker, 1, "b")).toEqual([4, "outdated"]);
      expect(await publish(here.broker, 9_007_199_254_740_991, "b")).toEqual([5, undefined]);
      expect(await publish(here.broker, 9_007_199_254_740_990, "b")).toEqual([5, "outdated"]);
    });

    test("[BR23] a publication that is not stored is counted, delivered and marked, and leaves a hole in the history", async () => {
      const { here, there, fresh } = pair();
      const channel = fresh();
      await there.broker.subscribe(channel);
      await publishAll(here.broker, { channel, ...KEPT }, ["a"]);
      await publishAll(here.broker, { channel }, ["hidden"]);
      await publishAll(here.broker, { channel, ...KEPT }, ["c"]);
      await eventually("delivered", 2_000, () => there.of(channel).length === 3);
      expect(there.of(channel).map(({ offset, isUnstored }) => [offset, isUnstored])).toEqual([
        [1, undefined],
        [2, true],
        [3, undefined],
      ]);
      expect(shown(await here.broker.history({ channel }))).toEqual(["1a", "3c"]);
    });
  });
}
