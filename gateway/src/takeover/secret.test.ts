import { expect, test } from "vitest";
import { newSession, podOfSession } from "./secret.ts";

test("[HND1] a session names its pod, and never all of them", () => {
  expect(podOfSession(newSession("pod-1", (count) => Buffer.alloc(count, 7)))).toBe("pod-1");
  for (const made of ["all.x", "", ".x", "pod", "a b.x", "t:a.x", `${"x".repeat(201)}.x`])
    expect(podOfSession(made)).toBeUndefined();
});
