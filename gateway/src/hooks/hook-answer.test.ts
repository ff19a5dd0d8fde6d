import { expect, test } from "vitest";
import { decodeAnswer } from "./hook-answer.ts";
import { isJson, publishBody, rpcBody } from "./hook-request.ts";

const text = (value: unknown): string => JSON.stringify(value);

test.each([
  ["connect", { result: { user: 7 } }],
  ["connect", { result: { expire_at: -1 } }],
  ["connect", { result: { b64info: "%%" } }],
  ["connect", { result: { b64info: "/w==" } }],
  ["connect", { result: { channels: "news" } }],
  ["connect", { result: { channels: Array.from({ length: 1025 }, (_, at) => `c${at}`) } }],
  ["connect", { result: { subs: { a: { info: 1, b64info: 1 } } } }],
  ["connect", { result: { caps: [{ channels: ["a"], allow: ["all"] }] } }],
  ["subscribe", { result: { override: { presence: true } } }],
  ["subscribe", {}],
  ["refresh", { result: { expired: "no" } }],
  ["publish", { result: { tags: { a: 1 } } }],
  ["publish", { result: { version: 1.5 } }],
  ["rpc", { result: null }],
  ["rpc", { error: { code: 0, message: "none" } }],
  ["rpc", { disconnect: { code: 1006 } }],
] as const)("[HOK8] %s: %j is no answer", (name, answer) => {
  expect(decodeAnswer(name, text(answer), "json")).toBeUndefined();
});

test("[HOK2] members that are null are absent, unknown ones are ignored, disconnect goes before error and result", () => {
  const nothing = { error: null, disconnect: null, result: { user: "ann", info: null, meta: null, new_in_v9: 1 } };
  expect(decodeAnswer("connect", text(nothing), "json")).toEqual({ ok: true, claims: { user: "ann" } });
  const all = { error: { code: 9, message: "" }, disconnect: { code: 4000, reason: "" }, result: { user: "ann" } };
  expect(decodeAnswer("connect", text(all), "json")).toEqual({
    ok: false,
    close: { code: 4000, reason: "disconnected" },
  });
  expect(decodeAnswer("connect", text({ ...all, disconnect: null }), "json")).toEqual({
    ok: false,
    error: { code: 9, message: "refused" },
  });
});

test("[HOK4] bytes go to Protobuf clients as they are", () => {
  const bytes = Buffer.from([0, 255, 10]);
  const answer = text({ result: { b64data: bytes.toString("base64") } });
  expect(decodeAnswer("rpc", answer, "protobuf")).toEqual({ ok: true, data: bytes });
  const client = { client: "c", user: "ann", transport: "websocket", protocol: "protobuf", headers: {} } as const;
  expect(JSON.parse(rpcBody({ client, method: "m", data: bytes }, "json"))).toEqual({
    client: "c",
    transport: "websocket",
    protocol: "protobuf",
    encoding: "binary",
    user: "ann",
    method: "m",
    b64data: "AP8K",
  });
  const json = Buffer.from('{"a": 1}');
  expect(publishBody({ client, channel: "c", data: json }, "json")).toContain('"encoding":"json"');
  expect(publishBody({ client, channel: "c", data: json }, "binary")).toContain(json.toString("base64"));
});

test("[HOK4] bytes that are text and not UTF-8 go out as bytes", () => {
  const client = { client: "c", user: "ann", transport: "websocket", protocol: "protobuf", headers: {} } as const;
  const data = Buffer.from([0x22, 0xff, 0x22]);
  const body = JSON.parse(rpcBody({ client, method: "m", data }, "json")) as Record<string, unknown>;
  expect(body).toMatchObject({ encoding: "binary", b64data: data.toString("base64") });
});

test("[PAY2] JSON in base64 comes without line breaks, which would end the line of a JSON client", () => {
  const b64 = Buffer.from('{"a":\r\n1}\n').toString("base64");
  const line = Buffer.from('{"a":1}');
  expect(decodeAnswer("rpc", text({ result: { b64data: b64 } }), "json")).toEqual({ ok: true, data: line });
  const whole = { ok: true, data: Buffer.from(b64, "base64") };
  expect(decodeAnswer("rpc", text({ result: { b64data: b64 } }), "protobuf")).toEqual(whole);
  expect(decodeAnswer("publish", text({ result: { b64data: b64 } }), "json")).toEqual(whole);
  const subs = { a: { b64info: b64, b64data: b64 } };
  expect(decodeAnswer("connect", text({ result: { b64info: b64, b64data: b64, subs } }), "json")).toEqual({
    ok: true,
    claims: { user: "", connInfo: line, subs: new Map([["a", { info: line, data: line }]]) },
    data: line,
  });
});

test("[HOK5] an answer to publish may say everything that the server API may", () => {
  const result = { data: [1.0], tags: { a: "b" }, skip_history: true, idempotency_key: "k", delta: true, version: 3 };
  expect(decodeAnswer("publish", text({ result }), "json")).toEqual({
    ok: true,
    data: Buffer.from("[1]"),
    tags: { a: "b" },
    isUnstored: true,
    idempotencyKey: "k",
    useDelta: true,
    version: { number: 3, epoch: "" },
  });
});

/** CPU time of many rounds: other processes take their turns too, and the kernel counts in steps of milliseconds. */
function workUs(answer: string): number {
  const began = process.threadCpuUsage();
  for (let round = 0; round < 60; round += 1) decodeAnswer("connect", answer, "json");
  const { user, system } = process.threadCpuUsage(began);
  return user + system;
}

function subscribedTo(count: number): string {
  const subs = Object.fromEntries(Array.from({ length: count }, (_, at) => [`c${at}`, { info: [at], data: "x" }]));
  return text({ result: { user: "a", subs } });
}

test("[HOK8] an answer of four times the size takes about four times as long, not sixteen", () => {
  workUs(subscribedTo(1024));
  expect(workUs(subscribedTo(1024)) / workUs(subscribedTo(256))).toBeLessThan(12);
  for (const hostile of [`{"result":${"[".repeat(60_000)}`, " ".repeat(65_536)]) {
    expect(decodeAnswer("connect", hostile, "json")).toBeUndefined();
  }
  expect(isJson("{")).toBe(false);
});
