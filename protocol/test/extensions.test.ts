import { readFile } from "node:fs/promises";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { type ConnectResult, JSON_CODEC, PROTOBUF_CODEC, type Push, type Reply } from "../src/index.ts";

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
