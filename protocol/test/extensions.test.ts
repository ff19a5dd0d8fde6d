import { readFile } from "node:fs/promises";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import {
  type ConnectResult,
  type GrantedExtensions,
  JSON_CODEC,
  MAX_POSITIONS,
  MAX_SESSION_LENGTH,
  PROTOBUF_CODEC,
  type Push,
  type Reply,
} from "../src/index.ts";

/** The contract's own reading of field 1000. */
const { root } = protobuf.parse(await readFile(new URL("../client.proto", import.meta.url), "utf8"), {
  keepCase: true,
});
const [CommandType, ReplyType] = ["Command", "Reply"].map((name) => root.lookupType(`belay.client.${name}`));

const inbox = { group: "phone", epoch: "e", offset: 2 ** 40 };
const data = new TextEncoder().encode("{}");

function readReply(frame: Uint8Array): Record<string, unknown> {
  return ReplyType?.toObject(ReplyType.decodeDelimited(frame), { longs: Number }) ?? {};
}

test("[INB7] a client asks for its inbox in JSON and in Protobuf alike; what else stands beside it is ignored", () => {
  const json = { id: 1, connect: { belay: { inbox: { ...inbox, other: 1 }, other: {} } } };
  const frames = [
    JSON_CODEC.decodeFrame(Buffer.from(JSON.stringify(json))),
    PROTOBUF_CODEC.decodeFrame(
      CommandType?.encodeDelimited(CommandType.fromObject({ id: 1, connect: { belay: { inbox } } })).finish() ?? data,
    ),
  ];
  for (const frame of frames)
    expect(frame).toMatchObject({ ok: true, commands: [{ kind: "connect", belay: { inbox } }] });
  const nothing = JSON_CODEC.decodeFrame(Buffer.from('{"id":1,"connect":{"belay":{"other":1}}}'));
  expect(nothing).toMatchObject({ ok: true });
  expect(JSON.stringify(nothing)).not.toContain("belay");
  for (const belay of ["1", '{"inbox":[]}', '{"inbox":{"group":1}}', '{"inbox":{"offset":-1}}']) {
    const frame = JSON_CODEC.decodeFrame(Buffer.from(`{"id":1,"connect":{"belay":${belay}}}`));
    expect(frame).toMatchObject({ ok: false, refusal: { rule: "CMD4" } });
  }
});

test("[INB7] the grant and the messages are what the contract says", () => {
  const granted = { inbox: { ...inbox, lost: true } };
  const result: ConnectResult = { client: "c", version: "v", session: "s", node: "n", belay: granted };
  const reply: Reply = { kind: "connect", id: 1, result };
  const message: Push = { kind: "inbox", epoch: "e", publication: { data, offset: 7 } };
  expect(readReply(PROTOBUF_CODEC.encodeReply(reply))).toMatchObject({ connect: { belay: granted } });
  expect(readReply(PROTOBUF_CODEC.encodePush({ kind: "connect", result }))).toMatchObject({
    push: { connect: { belay: granted } },
  });
  expect(readReply(PROTOBUF_CODEC.encodePush(message))).toMatchObject({
    push: { pub: { offset: 7 }, belay: { inbox: { epoch: "e" } } },
  });
  expect(JSON.parse(Buffer.from(JSON_CODEC.encodeReply(reply)).toString())).toMatchObject({
    connect: { belay: granted },
  });
  expect(Buffer.from(JSON_CODEC.encodePush(message)).toString()).toBe(
    '{"push":{"pub":{"data":{},"offset":7},"belay":{"inbox":{"epoch":"e"}}}}',
  );
});

const text = (encoded: Uint8Array): string => Buffer.from(encoded).toString();

/** A connect that asks for it, in both forms. */
function asked(belay: object): readonly unknown[] {
  const command = { id: 1, connect: { belay } };
  const json = JSON_CODEC.decodeFrame(Buffer.from(JSON.stringify(command)));
  const encoded = CommandType?.encodeDelimited(CommandType.fromObject(command)).finish() ?? data;
  return [json, PROTOBUF_CODEC.decodeFrame(encoded)];
}

const place = { epoch: "e", offset: 2 ** 40 };
const placesOf = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, place]));

test("[EXT2] what a client asks for is read alike in both forms", () => {
  const positions = { news: place, 'a"b': { epoch: "", offset: 0 } };
  const cases: readonly (readonly [object, object])[] = [
    [
      { handover: {}, keys: true, window: true },
      { handover: {}, keys: true, window: true },
    ],
    [
      { handover: { session: "p.1", secret: "s", positions } },
      { handover: { continued: { session: "p.1", secret: "s", positions: new Map(Object.entries(positions)) } } },
    ],
    [
      { inbox, keys: true },
      { inbox, keys: true },
    ],
  ];
  for (const [belay, read] of cases) {
    for (const frame of asked(belay)) expect(frame).toMatchObject({ ok: true, commands: [{ belay: read }] });
  }
});

test("[EXT1] nothing asked for reads as nothing", () => {
  for (const belay of [{}, { keys: false, window: false }]) {
    for (const frame of asked(belay)) {
      expect(frame).toMatchObject({ ok: true });
      expect(frame).not.toHaveProperty("commands.0.belay");
    }
  }
});

test("[LIM24] a handover of too many channels or with endless texts is refused", () => {
  const session = "s".repeat(MAX_SESSION_LENGTH);
  const most = { handover: { session, secret: session, positions: placesOf(MAX_POSITIONS) } };
  for (const frame of asked(most)) expect(frame).toMatchObject({ ok: true });
  const beyond: readonly object[] = [
    { session: `${session}s`, secret: "" },
    { session: "", secret: `${session}s` },
    { session, secret: session, positions: placesOf(MAX_POSITIONS + 1) },
  ];
  for (const handover of beyond) {
    for (const frame of asked({ handover })) expect(frame).toMatchObject({ ok: false, refusal: { rule: "CMD4" } });
  }
});

test.each([
  ["handover", "[]"],
  ["handover", '{"session":1}'],
  ["handover", '{"session":"s","positions":[]}'],
  ["handover", '{"session":"s","positions":{"a":1}}'],
  ["handover", '{"session":"s","positions":{"a":{"offset":-1}}}'],
  ["keys", "1"],
  ["window", "{}"],
])("[CMD4] %s that is %s is refused", (name, value) => {
  const frame = JSON_CODEC.decodeFrame(Buffer.from(`{"id":1,"connect":{"belay":{"${name}":${value}}}}`));
  expect(frame).toMatchObject({ ok: false, refusal: { rule: "CMD4" } });
});

test("[EXT2] a publication's key is read alike in both forms", () => {
  const json = JSON_CODEC.decodeFrame(
    Buffer.from(
      '{"id":1,"publish":{"channel":"a","data":{},"belay":{"key":"k"}}}\n{"id":2,"publish":{"channel":"a","data":{}}}',
    ),
  );
  const keyed = { id: 1, publish: { channel: "a", data, belay: { key: "k" } } };
  const encoded = CommandType?.encodeDelimited(CommandType.create(keyed)).finish() ?? data;
  expect(json).toMatchObject({ ok: true, commands: [{ key: "k" }, { kind: "publish" }] });
  expect(json).not.toHaveProperty("commands.1.key");
  expect(PROTOBUF_CODEC.decodeFrame(encoded)).toMatchObject({ ok: true, commands: [{ channel: "a", key: "k" }] });
});

const handover = { session: "p.1", secret: "s", resumeMs: 15_000 };
const moved = new Map([
  ["news", place],
  ["__proto__", { epoch: "", offset: 0 }],
]);

test.each<readonly [string, GrantedExtensions, string, object]>([
  [
    "a connection that can be moved",
    { handover, keys: true, window: { ms: 3000 } },
    '{"keys":true,"window":{"ms":3000},"handover":{"session":"p.1","secret":"s","resumeMs":15000}}',
    { handover: { session: "p.1", secret: "s", resume_ms: 15_000 }, keys: true, window: { ms: 3000 } },
  ],
  [
    "a connection that was continued",
    { handover: { ...handover, moved } },
    `{"handover":{"session":"p.1","secret":"s","resumeMs":15000,"moved":{"news":{"epoch":"e","offset":${2 ** 40}},"__proto__":{"epoch":"","offset":0}}}}`,
    { handover: { session: "p.1", moved: { channels: { news: place } } } },
  ],
  [
    "a connection without subscriptions that was continued",
    { handover: { ...handover, moved: new Map() } },
    '{"handover":{"session":"p.1","secret":"s","resumeMs":15000,"moved":{}}}',
    { handover: { moved: {} } },
  ],
])("[EXT2] the grant of %s is written alike in both forms", (_title, belay, json, contract) => {
  const result: ConnectResult = { client: "c", version: "v", session: "s", node: "n", belay };
  expect(text(JSON_CODEC.encodeReply({ kind: "connect", id: 1, result }))).toContain(`"belay":${json}}`);
  const read = readReply(PROTOBUF_CODEC.encodeReply({ kind: "connect", id: 1, result }));
  expect(read).toMatchObject({ connect: { belay: contract } });
  expect("moved" in { ...belay.handover }).toBe(JSON.stringify(read).includes("moved"));
});

test.each<readonly [Push, string, object]>([
  [
    { kind: "goaway", session: "p.1", secret: "s", windowMs: 1, deadlineMs: 30_000 },
    '{"goaway":{"session":"p.1","secret":"s","windowMs":1,"deadlineMs":30000}}',
    { goaway: { session: "p.1", secret: "s", window_ms: 1, deadline_ms: 30_000 } },
  ],
  [{ kind: "goaway_cancel" }, '{"goaway_cancel":{}}', { goaway_cancel: {} }],
  [{ kind: "window", ms: 5000 }, '{"window":{"ms":5000}}', { window: { ms: 5000 } }],
])("[EXT2] the push %o is written alike in both forms", (push, json, contract) => {
  expect(text(JSON_CODEC.encodePush(push))).toBe(`{"push":{"belay":${json}}}`);
  expect(readReply(PROTOBUF_CODEC.encodePush(push))).toEqual({ push: { belay: contract } });
});
