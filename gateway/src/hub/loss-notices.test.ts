import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LossNotices } from "./loss-notices.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("[ORD9] the first 500 notices go out at once, the others 500 each 50 ms, in their order", () => {
  const notices = new LossNotices();
  const told: number[] = [];
  for (let index = 0; index < 1_200; index += 1) notices.tell(() => void told.push(index));
  expect(told).toHaveLength(500);
  vi.advanceTimersByTime(49);
  expect(told).toHaveLength(500);
  vi.advanceTimersByTime(1);
  expect(told).toHaveLength(1_000);
  notices.tell(() => void told.push(1_200));
  vi.advanceTimersByTime(50);
  expect(told).toEqual(Array.from({ length: 1_201 }, (_, index) => index));
});

test("[ORD9] after a pause there is no wait, and no timer stays", () => {
  const notices = new LossNotices();
  let told = 0;
  const tell = (): void => notices.tell(() => (told += 1));
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 500; index += 1) tell();
    expect(told).toBe((round + 1) * 500);
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  }
});
