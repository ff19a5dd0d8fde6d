import { readFile } from "node:fs/promises";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { type Command, type FilterNode, PROTOBUF_CODEC, type Push, type Reply } from "../src/index.ts";
import { MAX_COMMANDS_PER_FRAME, MAX_NESTING } from "../src/limits.ts";

/** The oracle: a library that reads client.proto, on the other end of the codec. */
const { root } = protobuf.parse(await readFile(new URL("../client.proto", import.meta.url), "utf8"), {
  keepCase: true,
});
const CommandType = root.lookupType("belay.client.Command");
const ReplyType = root.lookupType("belay.client.Reply");
const EmulationType = root.lookupType("belay.client.EmulationRequest");

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function frame(...commands: readonly object[]): Uint8Array {
  return Buffer.concat(commands.map((command) => CommandType.encodeDelimited(CommandType.create(command)).finish()));
}

const decode = (...commands: readonly object[]): unknown => PROTOBUF_CODEC.decodeFrame(frame(...commands));

const accepted = (...commands: readonly Command[]): unknown => ({ ok: true, commands });

/** What the library reads in what the codec wrote: fields that are there, nothing else. */
function read(encoded: Uint8Array): unknown {
  const [message] = [ReplyType.decodeDelimited(encoded)];
  return JSON.parse(JSON.stringify(ReplyType.toObject(message, { longs: Number, bytes: String })));
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const filter: FilterNode = { op: "", key: "k", cmp: "in", val: "", vals: ["a", "b"], nodes: [] };

test("[FRM4] every command is read as the contract writes it", () => {
  const sub = { recover: true, epoch: "e", offset: 2 ** 40 + 1, recoverable: true };
  expect(
    decode(
      {
        id: 1,
        connect: {
          token: "t",
          data: bytes("{}"),
          name: "js",
          version: "1",
          subs: { "a:b": sub },
          headers: { Cookie: "x=1", "X-é": "" },
        },
      },
      {
        id: 2,
        subscribe: {
          channel: "a",
          token: "t",
          ...sub,
          data: bytes("d"),
          positioned: true,
          join_leave: true,
          delta: "fossil",
          tf: { op: "and", nodes: [filter] },
          flag: 3,
          type: 1,
        },
      },
      { id: 3, unsubscribe: { channel: "a" } },
      { id: 4, publish: { channel: "a", data: Uint8Array.of(0, 255) } },
      { id: 5, presence: { channel: "a" } },
      { id: 6, presence_stats: { channel: "a" } },
      { id: 7, history: { channel: "a", limit: -1, since: { offset: 3, epoch: "e" }, reverse: true } },
      { id: 8, ping: {} },
      { send: { data: bytes("s") } },
      { id: 9, rpc: { method: "m", data: bytes("r") } },
      { id: 10, refresh: { token: "t" } },
      { id: 4_294_967_295, sub_refresh: { channel: "a", token: "t" } },
      {},
    ),
  ).toEqual(
    accepted(
      {
        kind: "connect",
        id: 1,
        token: "t",
        data: bytes("{}"),
        name: "js",
        version: "1",
        subs: new Map([["a:b", { kind: "subscribe", id: 0, channel: "", ...sub }]]),
        headers: new Map([
          ["Cookie", "x=1"],
          ["X-é", ""],
        ]),
      },
      {
        kind: "subscribe",
        id: 2,
        channel: "a",
        token: "t",
        ...sub,
        data: bytes("d"),
        positioned: true,
        joinLeave: true,
        delta: "fossil",
        tagsFilter: { op: "and", key: "", cmp: "", val: "", vals: [], nodes: [filter] },
        rejectUnrecovered: true,
        type: 1,
      },
      { kind: "unsubscribe", id: 3, channel: "a" },
      { kind: "publish", id: 4, channel: "a", data: Uint8Array.of(0, 255) },
      { kind: "presence", id: 5, channel: "a" },
      { kind: "presence_stats", id: 6, channel: "a" },
      { kind: "history", id: 7, channel: "a", limit: -1, since: { offset: 3, epoch: "e" }, reverse: true },
      { kind: "ping", id: 8 },
      { kind: "send", id: 0, data: bytes("s") },
      { kind: "rpc", id: 9, method: "m", data: bytes("r") },
      { kind: "refresh", id: 10, token: "t" },
      { kind: "sub_refresh", id: 4_294_967_295, channel: "a", token: "t" },
      { kind: "pong" },
    ),
  );
});

const info = { user: "u", client: "c", connInfo: bytes("ci"), chanInfo: bytes("ch") };
const wireInfo = { user: "u", client: "c", conn_info: base64("ci"), chan_info: base64("ch") };
const publication = {
  data: bytes("d"),
  info,
  offset: 2 ** 50,
  tags: new Map([["k", "v"]]),
  delta: true,
  timeMs: 2 ** 41,
};
const wirePublication = {
  data: base64("d"),
  info: wireInfo,
  offset: 2 ** 50,
  tags: { k: "v" },
  delta: true,
  time: 2 ** 41,
};
const subscribed = {
  expires: true,
  ttl: 60,
  recoverable: true,
  epoch: "e",
  publications: [publication],
  recovered: true,
  offset: 300,
  positioned: true,
  data: bytes("s"),
  wasRecovering: true,
  delta: true,
};
const wireSubscribed = {
  expires: true,
  ttl: 60,
  recoverable: true,
  epoch: "e",
  publications: [wirePublication],
  recovered: true,
  offset: 300,
  positioned: true,
  data: base64("s"),
  was_recovering: true,
  delta: true,
};
const connected = {
  client: "c",
  version: "v",
  expires: true,
  ttl: 60,
  data: bytes("d"),
  subs: new Map([["a", subscribed]]),
  ping: 25,
  pong: true,
  session: "s",
  node: "n",
};
const wireConnected = { ...connected, data: base64("d"), subs: { a: wireSubscribed } };
const ending = { expires: true, ttl: 60 };
const renewed = { client: "c", version: "v", ...ending };

const replies: readonly (readonly [Reply, unknown])[] = [
  [
    { kind: "error", id: 1, error: { code: 100, message: "m", temporary: true } },
    { error: { code: 100, message: "m", temporary: true } },
  ],
  [{ kind: "connect", id: 1, result: connected }, { connect: wireConnected }],
  [{ kind: "subscribe", id: 1, result: subscribed }, { subscribe: wireSubscribed }],
  [{ kind: "subscribe", id: 1, result: {} }, { subscribe: {} }],
  [{ kind: "unsubscribe", id: 1 }, { unsubscribe: {} }],
  [{ kind: "publish", id: 1 }, { publish: {} }],
  [{ kind: "ping", id: 1 }, { ping: {} }],
  [{ kind: "presence", id: 1, presence: new Map([["c", info]]) }, { presence: { presence: { c: wireInfo } } }],
  [{ kind: "presence_stats", id: 1, clients: 2, users: 1 }, { presence_stats: { num_clients: 2, num_users: 1 } }],
  [
    { kind: "history", id: 1, result: { publications: [publication, { data: bytes("") }], epoch: "e", offset: 7 } },
    { history: { publications: [wirePublication, {}], epoch: "e", offset: 7 } },
  ],
  [{ kind: "rpc", id: 1, data: bytes("r") }, { rpc: { data: base64("r") } }],
  [{ kind: "rpc", id: 1 }, { rpc: {} }],
  [{ kind: "refresh", id: 1, result: renewed }, { refresh: renewed }],
  [{ kind: "sub_refresh", id: 1, result: ending }, { sub_refresh: ending }],
];

test.each(replies)("[FRM4] the contract reads the reply %o", (reply, wire) => {
  expect(read(PROTOBUF_CODEC.encodeReply(reply))).toEqual({ id: 1, ...(wire as object) });
});

const pushes: readonly (readonly [Push, unknown])[] = [
  [
    { kind: "publication", channel: "a", publication },
    { channel: "a", pub: wirePublication },
  ],
  [
    { kind: "join", channel: "a", info },
    { channel: "a", join: { info: wireInfo } },
  ],
  [
    { kind: "leave", channel: "a", info },
    { channel: "a", leave: { info: wireInfo } },
  ],
  [
    { kind: "unsubscribe", channel: "a", code: 2500, reason: "r" },
    { channel: "a", unsubscribe: { code: 2500, reason: "r" } },
  ],
  [
    { kind: "subscribe", channel: "a", result: subscribed },
    {
      channel: "a",
      subscribe: { recoverable: true, epoch: "e", offset: 300, positioned: true, data: base64("s") },
    },
  ],
  [{ kind: "message", data: bytes("m") }, { message: { data: base64("m") } }],
  [{ kind: "connect", result: connected }, { connect: wireConnected }],
  [
    { kind: "disconnect", code: 3001, reason: "r", reconnect: true },
    { disconnect: { code: 3001, reason: "r", reconnect: true } },
  ],
  [{ kind: "refresh", ...ending }, { refresh: ending }],
];

test.each(pushes)("[FRM4] the contract reads the push %o", (push, wire) => {
  expect(read(PROTOBUF_CODEC.encodePush(push))).toEqual({ push: wire });
});

test("[HB1] the ping is an empty message", () => {
  expect(read(PROTOBUF_CODEC.ping)).toEqual({});
});

test("[FRM4] an emulation request is read as the contract writes it", () => {
  const request = { node: "n", session: "s", data: Uint8Array.of(1, 2) };
  expect(PROTOBUF_CODEC.decodeEmulation(EmulationType.encode(EmulationType.create(request)).finish())).toEqual(request);
  expect(PROTOBUF_CODEC.decodeEmulation(Uint8Array.of(0x0a, 5, 1))).toBeUndefined();
});

function nestedFilter(levels: number): object {
  let node: object = { op: "not" };
  for (let level = 1; level < levels; level++) node = { op: "not", nodes: [node] };
  return node;
}

const filtered = (levels: number): object => ({ id: 1, subscribe: { channel: "a", tf: nestedFilter(levels) } });

const OVER_2_53 = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

test.each([
  ["[FRM3] an empty frame", [], "FRM3"],
  ["[FRM2] a length without its message", [5, 8, 1], "FRM2"],
  ["[FRM2] a length that never ends", Array.from({ length: 12 }, () => 0xff), "FRM2"],
  ["[FRM2] a length of 2³²", [0x80, 0x80, 0x80, 0x80, 0x10], "FRM2"],
  ["[FRM2] a group", [4, 0xa3, 0x06, 0xa4, 0x06], "FRM2"],
  ["[FRM2] field 0", [2, 0, 0], "FRM2"],
  ["[FRM2] half of a fixed field", [4, 0xa5, 0x06, 1, 2], "FRM2"],
  ["[FRM2] a piece longer than its message", [4, 8, 1, 0x2a, 9], "FRM2"],
  ["[CMD1] only an id", [2, 8, 1], "CMD1"],
  ["[CMD1] an unknown command", [5, 8, 1, 0x82, 0x01, 0], "CMD1"],
  ["[CMD2] two methods", [6, 8, 1, 0x5a, 0, 0x5a, 0], "CMD2"],
  ["[CMD3] no id", [2, 0x5a, 0], "CMD3"],
  ["[CMD4] an id of 33 bits", [8, 8, 0x80, 0x80, 0x80, 0x80, 0x10, 0x5a, 0], "CMD4"],
  ["[CMD4] a number in place of a message", [4, 8, 1, 0x58, 1], "CMD4"],
  ["[CMD4] a channel that is no UTF-8", [7, 8, 1, 0x32, 3, 0x0a, 1, 0xff], "CMD4"],
  ["[CMD4] an offset of 2⁵³ × 4", [13, 8, 1, 0x2a, 9, 0x38, ...OVER_2_53], "CMD4"],
  ["[CMD4] publish without data", [7, 8, 1, 0x3a, 3, 0x0a, 1, 0x61], "CMD4"],
] as const)("%s is refused", (_title, input, rule) => {
  expect(PROTOBUF_CODEC.decodeFrame(Uint8Array.from(input))).toMatchObject({ ok: false, refusal: { rule } });
});

test("[LIM3] [LIM4] too many commands and too deep a filter are refused, as many and as deep as allowed are not", () => {
  const many = Array.from({ length: MAX_COMMANDS_PER_FRAME }, () => ({}));
  expect(decode(...many)).toMatchObject({ ok: true });
  expect(decode(...many, {})).toMatchObject({ ok: false, refusal: { rule: "LIM3" } });
  expect(decode(filtered(MAX_NESTING - 1))).toMatchObject({ ok: true });
  expect(decode(filtered(MAX_NESTING))).toMatchObject({ ok: false, refusal: { rule: "LIM4" } });
});

test("[CMD8] a publish of another type may lack data", () => {
  expect(
    decode({ id: 1, publish: { channel: "a", type: 1 } }, { id: 2, sub_refresh: { channel: "a", type: 2 } }),
  ).toEqual(
    accepted(
      { kind: "publish", id: 1, channel: "a", data: new Uint8Array(0), type: 1 },
      { kind: "sub_refresh", id: 2, channel: "a", token: "", type: 2 },
    ),
  );
});

test("[FRM4] texts of every length and alphabet are read", () => {
  for (const text of ["", "a".repeat(30), "a".repeat(31), "é".repeat(15), "😀".repeat(40), "\u0000\u007f", "\ufeffx"]) {
    expect(decode({ id: 1, unsubscribe: { channel: text } })).toEqual(
      accepted({ kind: "unsubscribe", id: 1, channel: text }),
    );
  }
});

test("[CMD2] unknown fields of every wire type are skipped", () => {
  const unknown = [0x80, 0x7d, 7, 0x82, 0x7d, 1, 9, 0x81, 0x7d, 1, 2, 3, 4, 5, 6, 7, 8, 0x85, 0x7d, 1, 2, 3, 4];
  expect(PROTOBUF_CODEC.decodeFrame(Uint8Array.from([unknown.length + 4, 8, 1, ...unknown, 0x5a, 0]))).toEqual(
    accepted({ kind: "ping", id: 1 }),
  );
});

test("[PAY1] payloads do not share the frame's memory", () => {
  const input = frame({ id: 1, publish: { channel: "a", data: bytes("abc") } });
  const decoded = PROTOBUF_CODEC.decodeFrame(input);
  input.fill(0);
  expect(decoded).toEqual(accepted({ kind: "publish", id: 1, channel: "a", data: bytes("abc") }));
});
