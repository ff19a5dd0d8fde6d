import { expect, test } from "vitest";
import { JSON_LINES, PROTOBUF_MESSAGES, SSE_EVENTS } from "./stream-framing.ts";

const lines = [Buffer.from('{"id":1}'), Buffer.from("{}")];

test.each([
  [SSE_EVENTS, 'data: {"id":1}\n\ndata: {}\n\n'],
  [JSON_LINES, '{"id":1}\n{}\n'],
  [PROTOBUF_MESSAGES, '{"id":1}{}'],
])("[STR2] $name", (framing, wire) => {
  const batch = framing.batch(lines);
  expect(batch.wire.toString()).toBe(wire);
  expect(batch.lines).toBe(2);
  expect(batch.payloads.map(({ start, end }) => batch.wire.toString("utf8", start, end))).toEqual(['{"id":1}', "{}"]);
});
