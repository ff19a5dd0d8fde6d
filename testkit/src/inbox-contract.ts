import { type Inboxes, type InboxMessage, type InboxSent, MAX_GROUPS, type Position } from "@belay/gateway/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";

/** What inboxes are kept in, for the contract. */
export interface InboxMedium extends AsyncDisposable {
  /** Inboxes that are not started. */
  open(): Inboxes;
}

export interface InboxSubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<InboxMedium>;
}

const BOUNDS = { size: 1000, ttlMs: 60_000 };
const UNKNOWN: Position = { offset: 0, epoch: "" };

/** Inboxes of every kind keep these rules; PROTOCOL.md tells them in words. */
export function inboxContract({ name, nodes, openMedium }: InboxSubject): void {
  describe(`inbox: ${name}`, () => {
    let medium: InboxMedium;
    let here: Inboxes;
    let there: Inboxes;
    let counter = 0;
    const fresh = (): string => `user-${(counter += 1)}`;

    beforeAll(async () => {
      medium = await openMedium();
      here = medium.open();
      here.start();
      there = nodes === 1 ? here : medium.open();
      if (there !== here) there.start();
      await eventually("reachable", 5_000, () =>
        Promise.all([here, there].map((one) => one.read({ user: "-", group: "", after: UNKNOWN }))).then(
          () => true,
          () => false,
        ),
      );
    });

    afterAll(async () => {
      here.close();
      if (there !== here) there.close();
      await medium[Symbol.asyncDispose]();
    });

    const send = (user: string, text: string, more: object = {}): Promise<InboxSent> =>
      here.send({ user, data: Buffer.from(text), ...BOUNDS, ...more });
    const open = (user: string, group = "", since?: Position): ReturnType<Inboxes["open"]> =>
      there.open({ user, group, bounds: BOUNDS, ...(since !== undefined && { since }) });
    const readAll = (user: string, after: Position, group = ""): Promise<readonly InboxMessage[]> =>
      readPages(there, { user, group, after });
    const texts = async (user: string, after: Position, group = ""): Promise<readonly string[]> =>
      (await readAll(user, after, group)).map(({ data }) => data.toString());
    const ack = (user: string, position: Position, group = ""): ReturnType<Inboxes["ack"]> =>
      there.ack({ user, group, position, bounds: BOUNDS });

    test("[INB1] messages are kept for a user who is not there, in their order, byte for byte", async () => {
      const user = fresh();
      const sent = [];
      for (const text of ["1", '"ü 👋"', '{"a":1.0}']) sent.push(await send(user, text));
      const info = Buffer.from('{"user":"ann","client":"c"}');
      await send(user, "[4]", { tags: { a: "ü", __proto__x: "" }, info });
      const { position } = await open(user);
      const messages = await readAll(user, position);
      expect(messages.map(({ data }) => data.toString())).toEqual(["1", '"ü 👋"', '{"a":1.0}', "[4]"]);
      expect(messages.map((message) => message.position.offset)).toEqual([1, 2, 3, 4]);
      expect(messages.slice(0, 3).map((message) => message.position)).toEqual(sent.map((one) => one.position));
      expect(messages[3]).toMatchObject({ tags: { a: "ü", __proto__x: "" }, info });
      expect(messages[0]?.timeMs).toBeGreaterThan(1_600_000_000_000);
    });

    test("[INB1] users with names of any kind have inboxes of their own", async () => {
      const users = ["ü 👋", "a}b{c", "{tag}is:x", "a b\nc", "__proto__", "1:a", "1"];
      for (const user of users) await send(user, JSON.stringify(user));
      for (const user of users) expect(await texts(user, UNKNOWN)).toEqual([JSON.stringify(user)]);
    });

    test("[INB1] many at once get one place each, and are read in pages", async () => {
      const user = fresh();
      const sent = await Promise.all(Array.from({ length: 250 }, (_, index) => send(user, String(index))));
      expect(new Set(sent.map(({ position }) => position.offset)).size).toBe(250);
      const messages = await readAll(user, UNKNOWN);
      expect(messages.map(({ position }) => position.offset)).toEqual(Array.from({ length: 250 }, (_, n) => n + 1));
      const large = fresh();
      for (let index = 0; index < 4; index += 1) await send(large, JSON.stringify("x".repeat(100_000)));
      const page = await there.read({ user: large, group: "", after: UNKNOWN });
      expect([page.messages.length, page.hasMore]).toEqual([2, true]);
      expect(await readAll(large, UNKNOWN)).toHaveLength(4);
    });

    test("[INB2] a message with a known idempotency key is stored once; keys are a user's own", async () => {
      const [user, other] = [fresh(), fresh()];
      const idempotency = { key: "k", ttlMs: 60_000 };
      const first = await send(user, "1", { idempotency });
      const second = await send(user, "2", { idempotency });
      expect([first.isRepeat, second.isRepeat, second.position]).toEqual([false, true, first.position]);
      expect((await send(other, "1", { idempotency })).isRepeat).toBe(false);
      await send(user, "3", { idempotency: { key: "short", ttlMs: 20 } });
      await eventually("the key is forgotten", 5_000, async () => {
        const { isRepeat } = await send(user, "4", { idempotency: { key: "short", ttlMs: 20 } });
        return !isRepeat;
      });
      expect(await texts(user, UNKNOWN)).toEqual(["1", "3", "4"]);
    });

    test("[INB3] of more messages than fit the oldest go, and a group that has not acknowledged them is told", async () => {
      const user = fresh();
      expect((await open(user)).hasLost).toBe(false);
      const drops = [];
      for (let index = 1; index <= 5; index += 1) drops.push((await send(user, String(index), { size: 3 })).bySize);
      expect(drops).toEqual([0, 0, 0, 1, 1]);
      const { position, hasLost } = await open(user);
      expect([await texts(user, position), hasLost]).toEqual([["3", "4", "5"], true]);
      await ack(user, { ...position, offset: 3 });
      expect((await open(user)).hasLost).toBe(false);
    });

    test("[INB3] a message is dropped when its time is over, and no earlier", async () => {
      const user = fresh();
      await send(user, '"short"', { ttlMs: 30 });
      await send(user, '"long"');
      await eventually("gone", 5_000, async () => (await texts(user, UNKNOWN)).length === 1);
      expect(await texts(user, UNKNOWN)).toEqual(['"long"']);
      const { hasLost, byTtl } = await open(user);
      expect([hasLost, byTtl]).toEqual([true, 1]);
      await send(user, '"behind"', { ttlMs: 30 });
      await eventually("gone", 5_000, async () => (await texts(user, UNKNOWN)).length === 1);
    });

    test("[INB4] a message stays until every group has acknowledged it; another group comes later to what is left", async () => {
      const user = fresh();
      const phone = await open(user, "phone");
      await open(user, "laptop");
      for (const text of ["1", "2", "3"]) await send(user, text);
      const at = (offset: number): Position => ({ ...phone.position, offset });
      expect(await ack(user, at(2), "phone")).toEqual({ offset: 2, removed: 0 });
      expect(await texts(user, (await open(user, "phone")).position, "phone")).toEqual(["3"]);
      expect(await texts(user, (await open(user, "laptop")).position, "laptop")).toEqual(["1", "2", "3"]);
      expect(await ack(user, at(1), "laptop")).toEqual({ offset: 1, removed: 1 });
      expect(await texts(user, (await open(user, "tablet")).position, "tablet")).toEqual(["2", "3"]);
    });

    test("[INB4] of more groups than an inbox remembers the one that was longest silent is forgotten", async () => {
      const user = fresh();
      await open(user, "silent");
      for (let index = 0; index < MAX_GROUPS; index += 1) {
        // Redis orders them by milliseconds.
        if (index === 0) await later();
        await open(user, `g${index}`);
      }
      const { position } = await send(user, "1");
      for (let index = 0; index < MAX_GROUPS; index += 1) await ack(user, position, `g${index}`);
      expect(await readAll(user, UNKNOWN)).toEqual([]);
    });

    test("[INB5] an acknowledgement never goes back, and what is no place of this inbox acknowledges nothing", async () => {
      const user = fresh();
      const { position } = await open(user);
      for (const text of ["1", "2", "3"]) await send(user, text);
      expect(await ack(user, { epoch: "other", offset: 3 })).toEqual({ offset: 0, removed: 0 });
      expect(await ack(user, { epoch: "", offset: 3 })).toEqual({ offset: 0, removed: 0 });
      expect(await ack(user, { ...position, offset: 2 })).toEqual({ offset: 2, removed: 2 });
      expect(await ack(user, { ...position, offset: 1 })).toEqual({ offset: 2, removed: 0 });
      // What is sent later is not acknowledged before it was there.
      expect(await ack(user, { ...position, offset: Number.MAX_SAFE_INTEGER })).toEqual({ offset: 3, removed: 1 });
      await send(user, "4");
      expect(await texts(user, (await open(user)).position)).toEqual(["4"]);
    });

    test("[INB6] reading begins behind the acknowledgement, or behind the place that the client has, where it has more", async () => {
      const user = fresh();
      const { position } = await open(user);
      for (const text of ["1", "2", "3", "4"]) await send(user, text);
      await open(user, "other");
      await ack(user, { ...position, offset: 2 });
      const from = async (since?: Position): Promise<readonly [number, boolean]> => {
        const opened = await open(user, "", since);
        return [opened.position.offset, opened.isSinceKnown];
      };
      expect(await from()).toEqual([2, false]);
      expect(await from({ ...position, offset: 3 })).toEqual([3, true]);
      expect(await from({ ...position, offset: 1 })).toEqual([2, true]);
      expect(await from({ ...position, offset: 99 })).toEqual([4, true]);
      expect(await from({ epoch: "other", offset: 3 })).toEqual([2, false]);
    });
  });
}

async function readPages(inboxes: Inboxes, reading: Parameters<Inboxes["read"]>[0]): Promise<readonly InboxMessage[]> {
  const messages: InboxMessage[] = [];
  let { after } = reading;
  for (;;) {
    const page = await inboxes.read({ ...reading, after });
    messages.push(...page.messages);
    after = page.position;
    if (!page.hasMore) return messages;
  }
}

function later(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, 5);
  return promise;
}
