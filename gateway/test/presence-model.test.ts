import { type Broker, openRedisBroker } from "@belay/gateway/internal";
import { BrokerNode, startRedis } from "@belay/testkit";
import { fc } from "@fast-check/vitest";
import { expect, onTestFinished, test } from "vitest";
import { MemoryBroker } from "../src/broker/memory-broker.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const LONG_MS = 60_000;

type Step =
  | { readonly kind: "add"; readonly client: string; readonly user: string; readonly isShort: boolean }
  | { readonly kind: "remove"; readonly client: string }
  | { readonly kind: "expire" };

const client = fc.constantFrom("a", "b", "c", "d", "e");
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("add" as const),
        client,
        user: fc.constantFrom("", "ann", "bob", "5:ü:"),
        isShort: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), client }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const) }) },
  ),
  { maxLength: 20 },
);

type Members = Map<string, { readonly user: string; readonly isShort: boolean }>;

async function change(broker: Broker, channel: string, step: Step, shortMs: number): Promise<void> {
  if (step.kind === "remove") await broker.removePresence(channel, step.client);
  if (step.kind !== "add") return;
  const { client: name, user, isShort } = step;
  await broker.addPresence(channel, { client: name, user, info: Buffer.from(user) }, isShort ? shortMs : LONG_MS);
}

function follow(members: Members, step: Step): void {
  if (step.kind === "add") members.set(step.client, step);
  else if (step.kind === "remove") members.delete(step.client);
  else for (const [name, { isShort }] of members) if (isShort) members.delete(name);
}

interface Expiry {
  readonly shortMs: number;
  /** Lets the time of short-lived members pass. */
  readonly expire: () => Promise<void>;
}

function agreesWithMap(
  broker: Broker,
  sequences: fc.Arbitrary<readonly Step[]>,
  { shortMs, expire }: Expiry,
): fc.IAsyncProperty<[readonly Step[]]> {
  let runs = 0;
  return fc.asyncProperty(sequences, async (sequence) => {
    const channel = `p${(runs += 1)}`;
    const members: Members = new Map();
    for (const step of sequence) {
      await change(broker, channel, step, shortMs);
      if (step.kind === "expire") await expire();
      follow(members, step);
      const users = new Set([...members.values()].map(({ user }) => user));
      expect(await broker.presenceStats(channel)).toEqual({ clients: members.size, users: users.size });
    }
    const listed = await broker.presence(channel);
    expect(new Map(listed.map((each) => [each.client, `${each.user}=${each.info.toString()}`]))).toEqual(
      new Map([...members].map(([name, { user }]) => [name, `${user}=${user}`])),
    );
  });
}

test("[BR25] memory: 3,000 runs of adding, replacing, removing and expiring members agree with a map", async () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, date: () => new Date(nowMs) };
  const node = await new BrokerNode(new MemoryBroker({ epochPrefix: "e", nodeId: "n", clock })).start();
  // Far below the other time, however often it passes.
  const expire = async (): Promise<void> => void (nowMs += 10);
  await fc.assert(agreesWithMap(node.broker, steps, { shortMs: 10, expire }), { seed: 25, numRuns: 3_000 });
});

test("[BR25] Redis: 300 runs of adding, replacing and removing members agree with a map", async () => {
  const redis = await startRedis();
  const broker = openRedisBroker({ url: redis.url, prefix: "p:", nodeId: "n", ...testRuntime() });
  onTestFinished(() => broker.close());
  const node = await new BrokerNode(broker).start();
  // Redis has its own clock: expiry is shown with real time in the contract.
  const timeless = steps.map((sequence) => sequence.filter(({ kind }) => kind !== "expire"));
  const nothing = { shortMs: LONG_MS, expire: () => Promise.resolve() };
  await fc.assert(agreesWithMap(node.broker, timeless, nothing), { seed: 25, numRuns: 300 });
});
