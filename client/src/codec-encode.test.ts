import type { Command as ServerCommand } from "@belay/protocol";
import { describe, expect, test } from "vitest";
import { bytes, forms } from "../test/forms.ts";
import type { Command } from "./messages.ts";

describe.each(forms)("the form $client.format", ({ client, server, payload }) => {
  const commands: readonly [name: string, command: Command, understood: Partial<ServerCommand>][] = [
    ["a bare connect", { kind: "connect", id: 1 }, { kind: "connect", id: 1 }],
    [
      "a connect with everything",
      {
        kind: "connect",
        id: 7,
        token: "t",
        data: payload('{"a":1}'),
        name: "n",
        version: "v",
        headers: { "x-a": "b" },
        subs: new Map([["__proto__", { recover: true, epoch: "e", offset: 3 }]]),
        belay: { inbox: { group: "g", epoch: "e", offset: 2 }, handover: {}, keys: true, window: true },
      },
      {
        kind: "connect",
        id: 7,
        token: "t",
        data: bytes('{"a":1}'),
        name: "n",
        version: "v",
        headers: new Map([["x-a", "b"]]),
        subs: new Map([["__proto__", expect.objectContaining({ recover: true, epoch: "e", offset: 3 }) as object]]),
        belay: { inbox: { group: "g", epoch: "e", offset: 2 }, handover: {}, keys: true, window: true },
      },
    ],
    [
      "a continued session",
      {
        kind: "connect",
        id: 2,
        belay: {
          handover: { session: "s", secret: "x", positions: new Map([["__proto__", { epoch: "e", offset: 2 ** 40 }]]) },
        },
      },
      {
        kind: "connect",
        belay: {
          handover: {
            continued: {
              session: "s",
              secret: "x",
              positions: new Map([["__proto__", { epoch: "e", offset: 2 ** 40 }]]),
            },
          },
        },
      },
    ],
    [
      "a subscribe with everything",
      {
        kind: "subscribe",
        id: 3,
        channel: "c",
        token: "t",
        recover: true,
        epoch: "e",
        offset: 9,
        data: payload("[1]"),
        positioned: true,
        recoverable: true,
        joinLeave: true,
        delta: "fossil",
        tagsFilter: { op: "and", nodes: [{ key: "k", cmp: "in", vals: ["", "a"] }] },
      },
      {
        kind: "subscribe",
        id: 3,
        channel: "c",
        token: "t",
        recover: true,
        epoch: "e",
        offset: 9,
        data: bytes("[1]"),
        positioned: true,
        recoverable: true,
        joinLeave: true,
        delta: "fossil",
        tagsFilter: {
          op: "and",
          key: "",
          cmp: "",
          val: "",
          vals: [],
          nodes: [{ op: "", key: "k", cmp: "in", val: "", vals: ["", "a"], nodes: [] }],
        },
      },
    ],
    ["an unsubscribe", { kind: "unsubscribe", id: 4, channel: "c" }, { kind: "unsubscribe", id: 4, channel: "c" }],
    [
      "a publish",
      { kind: "publish", id: 5, channel: "c", data: payload('"x\\ny"') },
      { kind: "publish", id: 5, channel: "c", data: bytes('"x\\ny"') },
    ],
    [
      "a publish with a key",
      { kind: "publish", id: 5, channel: "c", data: payload("null"), key: "k" },
      { kind: "publish", id: 5, channel: "c", data: bytes("null"), key: "k" },
    ],
    ["a presence", { kind: "presence", id: 6, channel: "c" }, { kind: "presence", id: 6, channel: "c" }],
    [
      "presence stats",
      { kind: "presence_stats", id: 6, channel: "c" },
      { kind: "presence_stats", id: 6, channel: "c" },
    ],
    [
      "a whole history, backwards",
      { kind: "history", id: 8, channel: "c", limit: -1, since: { epoch: "e", offset: 4 }, reverse: true },
      { kind: "history", id: 8, channel: "c", limit: -1, since: { epoch: "e", offset: 4 }, reverse: true },
    ],
    [
      "a position",
      { kind: "history", id: 8, channel: "c", limit: 0, reverse: false },
      { kind: "history", limit: 0, reverse: false },
    ],
    ["a ping", { kind: "ping", id: 9 }, { kind: "ping", id: 9 }],
    ["a send", { kind: "send", data: payload("0") }, { kind: "send", id: 0, data: bytes("0") }],
    ["an rpc", { kind: "rpc", id: 10, method: "m", data: payload("{}") }, { method: "m", data: bytes("{}") }],
    ["an rpc without data", { kind: "rpc", id: 10, method: "m" }, { kind: "rpc", id: 10, method: "m" }],
    ["a refresh", { kind: "refresh", id: 11, token: "t" }, { kind: "refresh", id: 11, token: "t" }],
    [
      "a renewal of a subscription",
      { kind: "sub_refresh", id: 12, channel: "c", token: "t" },
      { kind: "sub_refresh", id: 12, channel: "c", token: "t" },
    ],
    ["a pong", { kind: "pong" }, { kind: "pong" }],
  ];

  test.each(commands)("[COD1] %s is understood by a server", (_, command, understood) => {
    const encoded = client.encode([command, { kind: "pong" }]);
    const decoded = server.decodeFrame(typeof encoded === "string" ? bytes(encoded) : encoded);
    expect(decoded).toMatchObject({ ok: true, commands: [understood, { kind: "pong" }] });
  });

  test("[COD3] what only the other form could write throws a TypeError", () => {
    const wrong = client.format === "json" ? undefined : { a: 1 };
    expect(() => client.encode([{ kind: "publish", id: 1, channel: "c", data: wrong }])).toThrow(TypeError);
    expect(() => client.encode([{ kind: "send", data: wrong }])).toThrow(TypeError);
  });
});
