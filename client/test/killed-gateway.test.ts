import { eventually } from "@belay/testkit";
import { expect, test } from "vitest";
import { areSubscribed, checkShown, keepPublishing, type Pair, pair } from "./two-gateways.ts";

/** In full: BELAY_CROWD=5000, with 250 handshakes a second. */
const CROWD = Number(process.env["BELAY_CROWD"] ?? 200);
const HANDSHAKES_PER_SECOND = CROWD >= 5_000 ? 250 : 25;

/** Kills the one; resolves when all are back on the other, to how long that took. */
async function killed({ victim, survivor, entrance, readers }: Pair): Promise<{ atMs: number; tookMs: number }> {
  entrance.moveTo(survivor);
  const atMs = performance.now();
  victim.process.kill("SIGKILL");
  await eventually("the first are back", 60_000, () => entrance.attemptsMs.some((attemptMs) => attemptMs > atMs));
  await eventually("all are back", 180_000, () => areSubscribed(readers));
  return { atMs, tookMs: Math.round(performance.now() - atMs) };
}

test("[SDK11] clients of a gateway that is killed come back no faster than twice what another takes, and miss nothing", async () => {
  const limits = { handshakesPerSecond: HANDSHAKES_PER_SECOND, handshakeBurst: HANDSHAKES_PER_SECOND };
  const one = await pair(limits, CROWD, HANDSHAKES_PER_SECOND);
  const { entrance, readers, survivor } = one;
  const publishing = keepPublishing(survivor);
  await eventually("publications flow", 20_000, () => readers.every(({ ids }) => ids.length > 2));
  const { atMs, tookMs } = await killed(one);
  const newest = await publishing.stop();
  await checkShown(readers, newest);

  const peak = entrance.peakPerSecond(atMs);
  console.log(
    `${CROWD} back in ${tookMs} ms; ${peak} attempts in the fullest second, of ${HANDSHAKES_PER_SECOND} that a gateway takes`,
  );
  expect(peak).toBeLessThanOrEqual(2 * HANDSHAKES_PER_SECOND);
}, 400_000);

test("[LIM21] a client that is back before its killed gateway's lease has ended is not refused for its own ghost", async () => {
  const one = await pair({}, 100, 100);
  const { atMs, tookMs } = await killed(one);
  const attempts = one.entrance.attemptsMs.filter((attemptMs) => attemptMs > atMs);
  console.log(`100 clients of users at their limit back in ${tookMs} ms with ${attempts.length} attempts`);
  expect(one.readers.flatMap(({ refusals }) => refusals)).toEqual([]);
}, 120_000);
