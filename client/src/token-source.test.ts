import { expect, test } from "vitest";
import { refreshDelayMs, TokenSource } from "./token-source.ts";

test("[SDK15] a provider is asked once for concurrent needs, and its token is kept", async () => {
  let asked = 0;
  const source = new TokenSource(undefined, async () => {
    asked += 1;
    return `token ${asked}`;
  });
  expect(await Promise.all([source.get(), source.get(), source.renew()])).toEqual(["token 1", "token 1", "token 1"]);
  expect(await source.get()).toBe("token 1");
  source.drop();
  expect(await source.get()).toBe("token 2");
});

test("[SDK15] a provider that failed is asked again", async () => {
  let asked = 0;
  const source = new TokenSource(undefined, async () => {
    asked += 1;
    if (asked === 1) throw new Error("away");
    return "token";
  });
  await expect(source.get()).rejects.toThrow("away");
  expect(await source.get()).toBe("token");
});

test.each([undefined, null, ""])(
  "[SDK15] a provider that answers with %s has failed, and is asked again",
  async (nothing) => {
    const answers: unknown[] = [nothing, "token"];
    const source = new TokenSource(undefined, async () => answers.shift() as string);
    await expect(source.get()).rejects.toThrow("no token");
    expect(source.atHand).toBeUndefined();
    expect(await source.get()).toBe("token");
  },
);

test("[SDK15] a provider that was given up changes nothing when it answers after all", async () => {
  const answers: ((token: string) => void)[] = [];
  const source = new TokenSource(undefined, () => new Promise((resolve) => answers.push(resolve)));
  const calls = [source.get()];
  for (let times = 0; times < 2; times += 1) {
    source.forget();
    calls.push(source.get());
  }
  answers[0]?.("first");
  await calls[0];
  expect(source.atHand).toBeUndefined();
  const shared = source.renew();
  expect(answers).toHaveLength(3);
  answers[2]?.("third");
  expect(await shared).toBe("third");
  answers[1]?.("second");
  await calls[1];
  expect(source.atHand).toBe("third");
});

test("[SDK15] a token without a provider stays", async () => {
  const source = new TokenSource("fixed", undefined);
  source.drop();
  expect(await source.get()).toBe("fixed");
  expect(source.canRenew).toBe(false);
});

test.each([
  [1000, 970_000],
  [60, 48_000],
  [1, 800],
  [0, 0],
  [10_000_000, 9_999_970_000],
])("[SDK16] what ends in %i s is refreshed after %i ms", (ttl, delay) => {
  expect(refreshDelayMs(ttl)).toBe(delay);
});
