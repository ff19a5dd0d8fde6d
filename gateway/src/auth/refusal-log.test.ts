import { expect, test } from "vitest";
import { RefusalLog } from "./refusal-log.ts";

test("[AUT13] each reason is logged at most once in ten seconds, with how many were not", () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const log = new RefusalLog({ info: (fields: unknown) => void lines.push(fields) }, { nowMs: () => nowMs });
  for (let at = 0; at < 1000; at += 1) log.refused("signature", "connection");
  log.refused("expired", "connection");
  nowMs = 9_999;
  log.refused("signature", "connection");
  nowMs = 10_000;
  log.refused("signature", "subscription");
  expect(lines).toEqual([
    { reason: "signature", kind: "connection" },
    { reason: "expired", kind: "connection" },
    { reason: "signature", kind: "subscription", unsaid: 1000 },
  ]);
});
