import { expect, test } from "vitest";
import { attempt, EMPTY } from "../api/api-method.ts";
import { MAX_REVOCATIONS } from "../auth/verifier.ts";
import { MemoryRevocations } from "./memory-revocations.ts";

test("[REV5] one revocation too many is refused with a reason, those that hold go on; what ended makes room", async () => {
  let seconds = 1_000;
  const revocations = new MemoryRevocations({ date: () => new Date(seconds * 1000) });
  const block = (user: string): ReturnType<typeof attempt> =>
    attempt(revocations.add({ user, until: 2_000, isBlock: true }).then(() => EMPTY));
  for (let user = 0; user < MAX_REVOCATIONS; user += 1)
    await revocations.add({ user: `${user}`, until: 2_000, isBlock: true });
  expect(await block("one-more")).toEqual({
    error: { code: 106, message: "there are 100000 revocations already" },
  });
  expect(await block("7")).toEqual(EMPTY);
  expect(revocations.judge({ user: "7" })).toBe("blocked");
  seconds = 3_000;
  expect(await block("one-more")).toEqual(EMPTY);
});
