import { CLOSE, type Command } from "@belay/protocol";
import { expect, test } from "vitest";
import { admit, type Session } from "./session.ts";

const connect: Command = { kind: "connect", id: 1 };
const subscribe: Command = { kind: "subscribe", id: 2, channel: "news" };
const pong: Command = { kind: "pong" };
const refusedBy = (rule: string) => ({ close: CLOSE.badRequest, rule });

const awaiting: Session = { state: "awaiting-connect" };
const connecting: Session = { state: "connecting" };
const connected: Session = { state: "connected", identity: { client: "c", user: "u" } };
const refused: Session = { state: "refused" };
const closed: Session = { state: "closed", reason: CLOSE.shutdown };

test.each([
  ["[CON1] connect acts first", awaiting, connect, "run"],
  ["[CMD5] a command before connect closes", awaiting, subscribe, refusedBy("CMD5")],
  ["[CMD5] a pong before connect closes", awaiting, pong, refusedBy("CMD5")],
  ["[CON2] a second connect waits for what becomes of the first", connecting, connect, "hold"],
  ["[CON2] a second connect closes a connected client", connected, connect, refusedBy("CON2")],
  ["[CON3] commands behind connect wait for it", connecting, subscribe, "hold"],
  ["[CON3] commands after a refused connect are dropped", refused, subscribe, "drop"],
  ["[CON3] so is another connect", refused, connect, "drop"],
  ["[HB3] a pong of a connected client is accepted", connected, pong, "run"],
  ["[CMD1] nothing acts on a closed connection", closed, subscribe, "drop"],
] as const)("%s", (_title, session, command, verdict) => {
  expect(admit(session, command)).toEqual(verdict);
});
