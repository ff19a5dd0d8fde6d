import { expect, test } from "vitest";
import { decodeJsonFrame as decodeBytes } from "./json-decode.ts";
import { MAX_COMMANDS_PER_FRAME, MAX_NESTING } from "./limits.ts";

/** CPU time of this thread: by the clock a busy machine takes longer. */
const cpuMs = (): number => process.threadCpuUsage().user / 1000;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const decodeJsonFrame = (text: string) => decodeBytes(bytes(text));
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

test.each([
  ["[FRM2] no JSON", "hello", "FRM2"],
  ["[FRM2] half of an object", '{"id":1,"ping":', "FRM2"],
  ["[FRM2] a list", "[]", "FRM2"],
  ["[FRM2] null", "null", "FRM2"],
  ["[FRM2] a number", "1", "FRM2"],
  ["[FRM2] a good line and a bad one", '{"id":1,"ping":{}}\n}', "FRM2"],
  ["[FRM2] a byte order mark", '\ufeff{"id":1,"ping":{}}', "FRM2"],
  ["[FRM3] an empty frame", "", "FRM3"],
  ["[FRM3] newlines only", "\n \n", "FRM3"],
  ["[LIM3] too many commands", "{}\n".repeat(MAX_COMMANDS_PER_FRAME + 1), "LIM3"],
  ["[LIM4] too deep a payload", `{"id":1,"publish":{"channel":"a","data":${nested(MAX_NESTING)}}}`, "LIM4"],
  ["[LIM4] deep text that is no JSON", "[".repeat(60_000), "LIM4"],
  ["[CMD1] an unknown command", '{"id":1,"dance":{}}', "CMD1"],
  ["[CMD1] only an id", '{"id":1}', "CMD1"],
  ["[CMD1] a name of Object.prototype", '{"id":1,"constructor":{},"__proto__":{}}', "CMD1"],
  ["[CMD2] two methods", '{"id":1,"ping":{},"subscribe":{"channel":"a"}}', "CMD2"],
  ["[CMD3] no id", '{"ping":{}}', "CMD3"],
  ["[CMD3] id 0", '{"id":0,"ping":{}}', "CMD3"],
  ["[CMD3] a negative id", '{"id":-1,"ping":{}}', "CMD3"],
  ["[CMD3] half an id", '{"id":1.5,"ping":{}}', "CMD3"],
  ["[CMD3] an id of 33 bits", '{"id":4294967296,"ping":{}}', "CMD3"],
  ["[CMD3] a text as id", '{"id":"1","ping":{}}', "CMD3"],
  ["[CMD4] a method that is no object", '{"id":1,"subscribe":"a"}', "CMD4"],
  ["[CMD4] a method that is a list", '{"id":1,"subscribe":[]}', "CMD4"],
  ["[CMD4] null as method", '{"id":1,"connect":null}', "CMD4"],
  ["[CMD4] a channel that is no text", '{"id":1,"subscribe":{"channel":5}}', "CMD4"],
  ["[CMD4] a token that is no text", '{"id":1,"connect":{"token":{}}}', "CMD4"],
  ["[CMD4] a flag that is none", '{"id":1,"subscribe":{"channel":"a","recover":"yes"}}', "CMD4"],
  ["[CMD4] an offset below 0", '{"id":1,"subscribe":{"channel":"a","offset":-1}}', "CMD4"],
  ["[CMD4] an offset beyond 2⁵³", '{"id":1,"subscribe":{"channel":"a","offset":9007199254740993}}', "CMD4"],
  ["[CMD4] subscriptions of connect that are no objects", '{"id":1,"connect":{"subs":{"a":1}}}', "CMD4"],
  ["[CMD4] a filter that is no object", '{"id":1,"subscribe":{"channel":"a","tf":[]}}', "CMD4"],
  ["[CMD4] a position that is no object", '{"id":1,"history":{"channel":"a","since":1}}', "CMD4"],
  ["[CMD4] headers that are no texts", '{"id":1,"connect":{"headers":{"a":1}}}', "CMD4"],
  ["[CMD4] publish without data", '{"id":1,"publish":{"channel":"a"}}', "CMD4"],
])("%s is refused", (_title, frame, rule) => {
  expect(decodeJsonFrame(frame)).toMatchObject({ ok: false, refusal: { rule } });
});

test("[FRM2] empty lines between commands are skipped, unknown fields ignored ([CMD2])", () => {
  expect(decodeJsonFrame('\n{"id":1,"connect":{"token":"","name":"js","headers":{}},"belay":{}}\r\n\n{}\n')).toEqual({
    ok: true,
    commands: [{ kind: "connect", id: 1, name: "js", version: "" }, { kind: "pong" }],
  });
});

test("[CMD4] an absent channel reads as the empty name", () => {
  expect(decodeJsonFrame('{"id":4294967295,"subscribe":{}}')).toMatchObject({
    ok: true,
    commands: [{ kind: "subscribe", id: 4294967295, channel: "" }],
  });
});

test("[CMD3] send may come without an id", () => {
  expect(decodeJsonFrame('{"send":{"data":{}}}')).toEqual({
    ok: true,
    commands: [{ kind: "send", id: 0, data: bytes("{}") }],
  });
});

test("[LIM4] a payload as deep as allowed is decoded", () => {
  const data = nested(MAX_NESTING - 2);
  expect(decodeJsonFrame(`{"id":1,"publish":{"channel":"a","data":${data}}}`)).toMatchObject({
    ok: true,
    commands: [{ data: bytes(data) }],
  });
});

test("[FRM2] bytes that are no UTF-8 are refused", () => {
  expect(decodeBytes(new Uint8Array([0x7b, 0xff, 0x7d]))).toMatchObject({ ok: false, refusal: { rule: "FRM2" } });
});

test("[PAY1] payloads of every command are taken byte for byte", () => {
  const data = '{"n": 1.0e2,"big":123456789012345678901}';
  const frame = [
    `{"id":1,"connect":{"data":${data},"subs":{"a\\"b":{"recover":true,"offset":3,"epoch":"e","data":${data}}}}}`,
    `{"id":2,"subscribe":{"channel":"a","data":${data}}}`,
    `{"id":3,"rpc":{"method":"m","data":${data}}}`,
    `{"send":{"data":${data}}}`,
  ].join("\n");
  const decoded = decodeJsonFrame(frame);
  const [connect, subscribe, rpc, send] = decoded.ok ? decoded.commands : [];
  const raw = bytes(data);
  expect(connect).toMatchObject({
    data: raw,
    subs: new Map([['a"b', expect.objectContaining({ data: raw, offset: 3 })]]),
  });
  expect([subscribe, rpc, send]).toMatchObject([{ data: raw }, { data: raw }, { data: raw }]);
});

/** Frames of 64 KiB made to be slow: many members, many escapes, many nodes. */
const slow: readonly (readonly [string, (index: number) => string, string, string])[] = [
  ["subscriptions of connect", (index) => `"${index}":{}`, '{"id":1,"connect":{"subs":{', "}}}"],
  ["headers", (index) => `"${index}":""`, '{"id":1,"connect":{"headers":{', "}}}"],
  ["escaped keys", (index) => `"\\u0061${index}":1`, '{"id":1,"publish":{"data":1,', "}}"],
  ["nodes of a filter", () => "{}", '{"id":1,"subscribe":{"tf":{"nodes":[', "]}}}"],
  ["escaped quotes", () => `"${'\\"'.repeat(100)}"`, '{"id":1,"publish":{"data":[', "]}}"],
];

test.each(slow)("[FRM5] 64 KiB of %s are decoded without a stall", (_title, part, head, tail) => {
  const parts = Array.from({ length: Math.floor(65_000 / (part(9999).length + 1)) }, (_, index) => part(index));
  const input = bytes(head + parts.join(",") + tail);
  const startMs = cpuMs();
  expect(decodeBytes(input)).toMatchObject({ ok: true });
  // Quadratic work took 7 s, linear work takes 30 ms.
  expect(cpuMs() - startMs).toBeLessThan(1000);
});
