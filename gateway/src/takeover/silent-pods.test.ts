import { expect, test } from "vitest";
import { SilentPods } from "./silent-pods.ts";

test("[HND2] a pod that did not answer twice is not asked for 10 s, and one answer is enough to be asked again", () => {
  const pods = new SilentPods();
  pods.note("a", false, 0);
  expect(pods.isSilent("a", 1)).toBe(false);
  pods.note("a", false, 2);
  expect([pods.isSilent("a", 3), pods.isSilent("b", 3)]).toEqual([true, false]);
  expect(pods.isSilent("a", 10_003)).toBe(false);
  pods.note("a", false, 10_004);
  pods.note("a", true, 10_005);
  pods.note("a", false, 10_006);
  expect(pods.isSilent("a", 10_007)).toBe(false);
});
