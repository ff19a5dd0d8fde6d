import { callControl, eventually } from "@belay/testkit";
import { expect, test } from "vitest";
import { areSubscribed, checkShown, keepPublishing, type Pair, pair } from "./two-gateways.ts";

const CLIENTS = 30;
/** Two thirds of it are free for those who move: at the deadline about half of them have gone. */
const HANDSHAKES_PER_SECOND = 5;
const DEADLINE_SECONDS = 5;

interface Drained {
  readonly state: string;
  readonly remaining: number;
  readonly moved: number;
  readonly closed: number;
  readonly forced: number;
  readonly left: number;
}

async function statusOf({ victim }: Pair): Promise<Drained> {
  return (await (await callControl(victim, "/drain")).json()) as Drained;
}

/** Everybody on one gateway, and a drain whose deadline comes before the other can have taken them. */
async function drained(policy: string): Promise<{ readonly one: Pair; readonly stop: () => Promise<number> }> {
  const limits = { handshakesPerSecond: HANDSHAKES_PER_SECOND, handshakeBurst: CLIENTS };
  const one = await pair(limits, CLIENTS, 2 * HANDSHAKES_PER_SECOND);
  const { stop } = keepPublishing(one.survivor);
  await eventually("publications flow", 20_000, () => one.readers.every(({ ids }) => ids.length > 2));
  one.entrance.moveTo(one.survivor);
  const order = { term: 1, deadlineSeconds: DEADLINE_SECONDS, ratePerSecond: 100, reason: "rollout", policy };
  expect((await callControl(one.victim, "/drain", order)).ok).toBe(true);
  return { one, stop };
}

test("[DRN2] [DRN11] the deadline comes when half have moved, ForceClose: the rest is closed, comes back and misses nothing", async () => {
  const { one, stop } = await drained("ForceClose");
  await eventually("nobody is left", 60_000, async () => (await statusOf(one)).remaining === 0);
  await eventually("all are back", 60_000, () => areSubscribed(one.readers));
  await checkShown(one.readers, await stop());
  const { moved, forced, left } = await statusOf(one);
  expect(moved).toBeGreaterThan(0);
  expect(forced).toBeGreaterThan(0);
  // One whose close came as it was going left by itself.
  expect(moved + forced + left).toBe(CLIENTS);
}, 120_000);

test("[DRN2] [DRN11] the same with Wait: nobody is closed, everybody moves, later", async () => {
  const { one, stop } = await drained("Wait");
  await eventually("nobody is left", 60_000, async () => (await statusOf(one)).remaining === 0);
  await checkShown(one.readers, await stop());
  expect(await statusOf(one)).toMatchObject({ moved: CLIENTS, closed: 0, forced: 0 });
}, 120_000);

test("[DRN2] the same with Abort: who has not moved stays where it is", async () => {
  const { one, stop } = await drained("Abort");
  await eventually("the drain is given up", 60_000, async () => (await statusOf(one)).state === "serving");
  await checkShown(one.readers, await stop());
  const stayed = one.readers.filter(({ client }) => client.inspect().node === "victim").length;
  expect(stayed).toBeGreaterThan(0);
  expect(stayed).toBeLessThan(CLIENTS);
}, 120_000);
