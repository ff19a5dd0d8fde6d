import { MAX_POSITIONS } from "@belay/protocol";
import { expect, test } from "vitest";
import { BARRIER_METHOD, BARRIER_RULE, readBarrier } from "./barrier-request.ts";

const read = (text: string): unknown => readBarrier(Buffer.from(text));
const placesOf = (count: number): string =>
  JSON.stringify({
    channels: Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, { epoch: "e", offset: 1 }])),
  });

test("[LIM24] a barrier is read, whatever its channels are called", () => {
  expect([BARRIER_METHOD, BARRIER_RULE.includes(String(MAX_POSITIONS))]).toEqual(["belay:barrier", true]);
  const place = '{"epoch":"e","offset":9007199254740991}';
  expect(read(`{"channels":{"a":${place},"__proto__":${place}}}`)).toEqual(
    new Map(["a", "__proto__"].map((name) => [name, { epoch: "e", offset: Number.MAX_SAFE_INTEGER }])),
  );
  expect(read('{"channels":{}}')).toEqual(new Map());
  expect(read(placesOf(MAX_POSITIONS))).toHaveProperty("size", MAX_POSITIONS);
});

test.each([
  "",
  "1",
  "null",
  "[]",
  "{}",
  '{"channels":[]}',
  '{"channels":null}',
  '{"channels":{"a":1}}',
  '{"channels":{"a":{"epoch":1,"offset":1}}}',
  '{"channels":{"a":{"epoch":"e","offset":-1}}}',
  '{"channels":{"a":{"epoch":"e","offset":1.5}}}',
  '{"channels":{"a":{"epoch":"e"}}}',
])("[LIM24] %s is no barrier", (text) => {
  expect(read(text)).toBeUndefined();
});

test("[LIM24] neither is one of too many channels, nor one without data", () => {
  expect(read(placesOf(MAX_POSITIONS + 1))).toBeUndefined();
  expect(readBarrier(undefined)).toBeUndefined();
});
