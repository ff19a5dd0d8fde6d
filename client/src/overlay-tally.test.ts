import { expect, test } from "vitest";
import { EMPTY_TALLY, tallied } from "./overlay-tally.ts";
import type { TraceBody } from "./trace.ts";

function tallyOf(...events: readonly (readonly [atMs: number, body: TraceBody])[]) {
  return events.reduce((before, [atMs, body]) => tallied(before, { atMs, ...body }), EMPTY_TALLY);
}

test("[OVL2] connections, moves, gaps and resets are counted", () => {
  const end = { code: 1006, reason: "", wasClean: false, wasOpened: true };
  expect(
    tallyOf(
      [0, { type: "open", link: 1, transport: "websocket", endpoint: "" }],
      [5, { type: "established", link: 1, tookMs: 5, isContinued: false }],
      [6, { type: "gap", channel: "c", from: 1, to: 3 }],
      [7, { type: "reset", channel: "c", reason: "gap" }],
      [8, { type: "end", link: 1, end }],
      [20, { type: "established", link: 2, tookMs: 9, isContinued: true }],
    ),
  ).toMatchObject({ connections: 2, continued: 1, gaps: 1, resets: 1, connectMs: 9 });
});

test("[OVL2] a reply's time is that since its command, on its connection", () => {
  expect(
    tallyOf(
      [10, { type: "frame", link: 1, direction: "out", frame: '{"id":1,"connect":{}}\n{"id":2,"ping":{}}' }],
      [12, { type: "frame", link: 2, direction: "out", frame: '{"id":1,"connect":{}}' }],
      [17, { type: "frame", link: 1, direction: "in", frame: '{"id":1,"connect":{}}' }],
    ),
  ).toMatchObject({
    replyMs: 7,
    framesOut: 2,
    framesIn: 1,
    unanswered: new Map([
      ["1:2", 10],
      ["2:1", 12],
    ]),
  });
});

test("[OVL2] memory stays flat where no reply comes", () => {
  const lost = Array.from({ length: 3000 }, (_, id): readonly [number, TraceBody] => [
    id,
    { type: "frame", link: 1, direction: "out", frame: `{"id":${id},"ping":{}}` },
  ]);
  expect(tallyOf(...lost).unanswered.size).toBe(1000);
});
