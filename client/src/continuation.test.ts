import { expect, test } from "vitest";
import { Continuation } from "./continuation.ts";

const grant = { session: "pod.1", secret: "s", resumeMs: 5000 };
const positions = new Map([["a", { epoch: "e", offset: 1 }]]);

test.each([
  ["within its time", 4999, positions, { session: "pod.1", secret: "s", positions }],
  ["not after it", 5000, positions, {}],
  [
    "not with more positions than a server takes",
    0,
    new Map(Array.from({ length: 1025 }, (_, index) => [String(index), { epoch: "e", offset: 1 }])),
    {},
  ],
])("[SDK25] a lost session is continued: %s", (_name, laterMs, places, request) => {
  const continuation = new Continuation();
  continuation.granted(grant);
  continuation.lost(1000, places);
  // The tries that fail until then know of no places any more.
  continuation.lost(1001, new Map());
  expect(continuation.request(1000 + laterMs)).toEqual(request);
});

test("[SDK25] a session that ended, or that was never lost, is not continued", () => {
  const continuation = new Continuation();
  continuation.granted(grant);
  expect(continuation.request(0)).toEqual({});
  continuation.lost(0, positions);
  continuation.end();
  expect(continuation.request(0)).toEqual({});
});
