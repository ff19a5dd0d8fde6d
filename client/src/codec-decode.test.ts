import { JSON_CODEC, type Push as ServerPush, type Reply as ServerReply } from "@belay/protocol";
import { describe, expect, test } from "vitest";
import { bytes, forms } from "../test/forms.ts";
import { jsonCodec } from "./json-codec.ts";
import type { ServerMessage } from "./messages.ts";

describe.each(forms)("the form $client.format", ({ client, server, payload, frame }) => {
  const info = { user: "u", client: "c" };
  const replies: readonly [name: string, reply: ServerReply, understood: ServerMessage][] = [
    [
      "an error",
      { kind: "error", id: 1, error: { code: 111, message: "m", temporary: true } },
      { type: "reply", kind: "error", id: 1, error: { code: 111, message: "m", temporary: true } },
    ],
    [
      "a connect reply with everything",
      {
        kind: "connect",
        id: 1,
        result: {
          client: "c",
          version: "v",
          expires: true,
          ttl: 5,
          data: bytes("[2]"),
          subs: new Map([["__proto__", { epoch: "e", offset: 1, recoverable: true }]]),
          ping: 25,
          pong: true,
          session: "s",
          node: "n",
          belay: {
            inbox: { group: "g", epoch: "e", offset: 2, lost: true },
            handover: {
              session: "a.b",
              secret: "x",
              resumeMs: 2000,
              moved: new Map([["__proto__", { epoch: "e", offset: 4 }]]),
            },
            keys: true,
            window: { ms: 300 },
          },
        },
      },
      {
        type: "reply",
        kind: "connect",
        id: 1,
        result: {
          client: "c",
          version: "v",
          expires: true,
          ttl: 5,
          data: payload("[2]"),
          subs: new Map([["__proto__", { epoch: "e", offset: 1, recoverable: true }]]),
          ping: 25,
          pong: true,
          session: "s",
          node: "n",
          belay: {
            inbox: { group: "g", epoch: "e", offset: 2, lost: true },
            handover: {
              session: "a.b",
              secret: "x",
              resumeMs: 2000,
              moved: new Map([["__proto__", { epoch: "e", offset: 4 }]]),
            },
            keys: true,
            window: { ms: 300 },
          },
        },
      },
    ],
    [
      "a connection that was continued without a channel",
      {
        kind: "connect",
        id: 1,
        result: {
          client: "c",
          version: "v",
          session: "s",
          node: "n",
          belay: { handover: { session: "s", secret: "x", resumeMs: 1, moved: new Map() } },
        },
      },
      {
        type: "reply",
        kind: "connect",
        id: 1,
        result: {
          client: "c",
          version: "v",
          session: "s",
          node: "n",
          belay: { handover: { session: "s", secret: "x", resumeMs: 1, moved: new Map() } },
        },
      },
    ],
    [
      "a subscribe reply with everything",
      {
        kind: "subscribe",
        id: 2,
        result: {
          expires: true,
          ttl: 4,
          recoverable: true,
          positioned: true,
          epoch: "e",
          offset: 9,
          publications: [{ data: bytes("1"), offset: 9 }],
          recovered: true,
          wasRecovering: true,
          data: bytes("2"),
        },
      },
      {
        type: "reply",
        kind: "subscribe",
        id: 2,
        result: {
          expires: true,
          ttl: 4,
          recoverable: true,
          positioned: true,
          epoch: "e",
          offset: 9,
          publications: [{ data: payload("1"), offset: 9 }],
          recovered: true,
          wasRecovering: true,
          data: payload("2"),
        },
      },
    ],
    [
      "a bare subscribe reply",
      { kind: "subscribe", id: 2, result: {} },
      { type: "reply", kind: "subscribe", id: 2, result: {} },
    ],
    ["an unsubscribe reply", { kind: "unsubscribe", id: 3 }, { type: "reply", kind: "unsubscribe", id: 3 }],
    ["a publish reply", { kind: "publish", id: 3 }, { type: "reply", kind: "publish", id: 3 }],
    ["a ping reply", { kind: "ping", id: 3 }, { type: "reply", kind: "ping", id: 3 }],
    [
      "presence",
      {
        kind: "presence",
        id: 4,
        presence: new Map([["__proto__", { ...info, connInfo: bytes("1"), chanInfo: bytes("2") }]]),
      },
      {
        type: "reply",
        kind: "presence",
        id: 4,
        presence: new Map([["__proto__", { ...info, connInfo: payload("1"), chanInfo: payload("2") }]]),
      },
    ],
    [
      "presence stats",
      { kind: "presence_stats", id: 4, clients: 3, users: 2 },
      { type: "reply", kind: "presence_stats", id: 4, clients: 3, users: 2 },
    ],
    [
      "history",
      {
        kind: "history",
        id: 5,
        result: { publications: [{ data: bytes("1"), offset: 1, info }], epoch: "e", offset: 1 },
      },
      {
        type: "reply",
        kind: "history",
        id: 5,
        result: { publications: [{ data: payload("1"), offset: 1, info }], epoch: "e", offset: 1 },
      },
    ],
    [
      "an rpc reply",
      { kind: "rpc", id: 6, data: bytes("{}") },
      { type: "reply", kind: "rpc", id: 6, data: payload("{}") },
    ],
    ["an rpc reply without data", { kind: "rpc", id: 6 }, { type: "reply", kind: "rpc", id: 6 }],
    [
      "a refresh reply",
      { kind: "refresh", id: 7, result: { client: "c", version: "v", expires: true, ttl: 60 } },
      { type: "reply", kind: "refresh", id: 7, result: { expires: true, ttl: 60 } },
    ],
    [
      "a renewal of a subscription",
      { kind: "sub_refresh", id: 8, result: { expires: true, ttl: 60 } },
      { type: "reply", kind: "sub_refresh", id: 8, result: { expires: true, ttl: 60 } },
    ],
  ];

  test.each(replies)("[COD1] %s of a server is understood", (_, reply, understood) => {
    expect(client.decode(frame(server.encodeReply(reply)))).toEqual({ ok: true, messages: [understood] });
  });

  const pushes: readonly [name: string, push: ServerPush, understood: ServerMessage][] = [
    [
      "a publication with everything",
      {
        kind: "publication",
        channel: "c",
        publication: {
          data: bytes("1.5"),
          info,
          offset: 3,
          tags: new Map([["__proto__", "b"]]),
          timeMs: 1_700_000_000_000,
        },
      },
      {
        type: "push",
        kind: "publication",
        channel: "c",
        publication: {
          data: payload("1.5"),
          info,
          offset: 3,
          tags: Object.fromEntries([["__proto__", "b"]]),
          timeMs: 1_700_000_000_000,
        },
      },
    ],
    [
      "a message of the inbox",
      { kind: "inbox", epoch: "e", publication: { data: bytes("1"), offset: 3 } },
      { type: "push", kind: "inbox", epoch: "e", publication: { data: payload("1"), offset: 3 } },
    ],
    ["a join", { kind: "join", channel: "c", info }, { type: "push", kind: "join", channel: "c", info }],
    ["a leave", { kind: "leave", channel: "c", info }, { type: "push", kind: "leave", channel: "c", info }],
    [
      "an unsubscribe push",
      { kind: "unsubscribe", channel: "c", code: 2500, reason: "r" },
      { type: "push", kind: "unsubscribe", channel: "c", code: 2500, reason: "r" },
    ],
    [
      "a subscribe push",
      {
        kind: "subscribe",
        channel: "c",
        result: { recoverable: true, positioned: true, epoch: "e", offset: 7, data: bytes("1") },
      },
      {
        type: "push",
        kind: "subscribe",
        channel: "c",
        result: { recoverable: true, positioned: true, epoch: "e", offset: 7, data: payload("1") },
      },
    ],
    ["a message", { kind: "message", data: bytes("1") }, { type: "push", kind: "message", data: payload("1") }],
    [
      "a disconnect push",
      { kind: "disconnect", code: 3001, reason: "r", reconnect: true },
      { type: "push", kind: "disconnect", code: 3001, reason: "r" },
    ],
    [
      "a refresh push",
      { kind: "refresh", expires: true, ttl: 6 },
      { type: "push", kind: "refresh", expires: true, ttl: 6 },
    ],
    [
      "a goaway",
      { kind: "goaway", session: "s", secret: "x", windowMs: 5, deadlineMs: 9 },
      { type: "push", kind: "goaway", goaway: { session: "s", secret: "x", windowMs: 5, deadlineMs: 9 } },
    ],
    ["a cancelled goaway", { kind: "goaway_cancel" }, { type: "push", kind: "goaway_cancel" }],
    ["a window", { kind: "window", ms: 700 }, { type: "push", kind: "window", window: { ms: 700 } }],
  ];

  test.each(pushes)("[COD1] %s of a server is understood", (_, push, understood) => {
    expect(client.decode(frame(server.encodePush(push)))).toEqual({ ok: true, messages: [understood] });
  });

  test("[COD1] the server's ping, and a frame of several messages", () => {
    expect(client.decode(frame(server.ping))).toEqual({ ok: true, messages: [{ type: "ping" }] });
    const one = server.encodeReply({ kind: "publish", id: 1 });
    const glue = client.format === "json" ? bytes("\n") : bytes("");
    const both = Uint8Array.from([...one, ...glue, ...server.ping]);
    expect(client.decode(frame(both))).toEqual({
      ok: true,
      messages: [{ type: "reply", kind: "publish", id: 1 }, { type: "ping" }],
    });
  });
});

test("[COD1] in JSON the data of a delta stream is text", () => {
  const push = JSON_CODEC.encodePush({
    kind: "publication",
    channel: "c",
    isDeltaStream: true,
    publication: { data: bytes("patch"), delta: true },
  });
  expect(jsonCodec.decode(new TextDecoder().decode(push))).toMatchObject({
    messages: [{ publication: { data: "patch", delta: true } }],
  });
});
