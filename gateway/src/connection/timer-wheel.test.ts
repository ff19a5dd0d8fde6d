import { expect, test } from "vitest";
import { TimerWheel, WheelTimer } from "./timer-wheel.ts";

class Hand {
  nowMs = 1_000_050;
  readonly wheel = new TimerWheel({ nowMs: () => this.nowMs, date: () => new Date(0) }, 100);

  /** Ticks until `untilMs` as the interval would. */
  turn(untilMs: number): void {
    while (this.nowMs < untilMs) {
      this.nowMs += 100;
      this.wheel.advance();
    }
  }
}

test("[HB1] a timer fires once, within one tick after its time, near or many turns of the wheel away", () => {
  const hand = new Hand();
  const startMs = hand.nowMs;
  const fired = new Map<number, number>();
  for (const afterMs of [0, 1, 99, 100, 25_000, 51_200, 51_250, 500_000]) {
    hand.wheel.schedule(new WheelTimer((nowMs) => fired.set(afterMs, nowMs - startMs)), startMs + afterMs);
  }
  hand.turn(startMs + 600_000);
  expect([...fired.keys()]).toEqual([0, 1, 99, 100, 25_000, 51_200, 51_250, 500_000]);
  for (const [afterMs, firedMs] of fired) {
    expect(firedMs).toBeGreaterThanOrEqual(afterMs);
    expect(firedMs).toBeLessThanOrEqual(afterMs + 200);
  }
});

test("[HB1] a cancelled or moved timer does not fire at its old time, and one may move itself", () => {
  const hand = new Hand();
  const startMs = hand.nowMs;
  const fired: number[] = [];
  const again: WheelTimer = new WheelTimer((nowMs) => {
    fired.push(nowMs - startMs);
    if (fired.length < 3) hand.wheel.schedule(again, nowMs + 1000);
  });
  const gone = new WheelTimer(() => fired.push(-1));
  hand.wheel.schedule(again, startMs + 500);
  hand.wheel.schedule(again, startMs + 1000);
  hand.wheel.schedule(gone, startMs + 700);
  hand.wheel.cancel(gone);
  hand.turn(startMs + 10_000);
  expect(fired.map((ms) => Math.round(ms / 1000))).toEqual([1, 2, 3]);
});

test("[HB2] after a stall of the event loop everything that is due fires, and nothing else", () => {
  const hand = new Hand();
  const startMs = hand.nowMs;
  const fired: number[] = [];
  for (const afterMs of [100, 20_000, 90_000, 130_000]) {
    hand.wheel.schedule(new WheelTimer(() => fired.push(afterMs)), startMs + afterMs);
  }
  hand.nowMs += 100_000;
  hand.wheel.advance();
  expect(fired.toSorted((a, b) => a - b)).toEqual([100, 20_000, 90_000]);
});
