import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { type Written, writeBatch } from "../src/transport/shared-frame.ts";
import { WS_TEXT } from "../src/transport/ws-framing.ts";

/** An upgrade of ws that renames its private fields must fail here, not in production. */
let server: WebSocketServer;
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } });
  await once(server, "listening");
});
afterAll(() => server.close());

async function pair(): Promise<{ readonly ours: WebSocket; readonly theirs: WebSocket; readonly got: string[] }> {
  const accepted = once(server, "connection");
  const theirs = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const got: string[] = [];
  theirs.on("message", (data: Buffer) => got.push(data.toString()));
  const [ours] = (await accepted) as [WebSocket];
  return { ours, theirs, got };
}

const batch = (...lines: readonly string[]) => WS_TEXT.batch(lines.map((line) => Buffer.from(line)));

test("[ORD1] an idle ws socket is written to directly, at every length of header", async () => {
  const { ours, theirs, got } = await pair();
  const texts = [1, 125, 126, 65_535, 65_536].map((size) => "x".repeat(size));
  const written = texts.map((text): Written => writeBatch(ours, batch(text), false));
  ours.close();
  await once(theirs, "close");
  expect(written).toEqual(texts.map(() => "raw"));
  expect(got.map((text) => text.length)).toEqual(texts.map((text) => text.length));
});

test("[ORD1] while ws compresses a message of its own the batch goes through ws, behind it", async () => {
  const { ours, theirs, got } = await pair();
  ours.send("first", { compress: true });
  const written = writeBatch(ours, batch("second", "third"), false);
  ours.close();
  await once(theirs, "close");
  expect(written).toBe("public");
  expect(got).toEqual(["first", "second\nthird"]);
});

test("[ORD1] inside a fragmented message the batch does not cut in raw", async () => {
  const { ours, theirs } = await pair();
  ours.send("half", { fin: false });
  expect(writeBatch(ours, batch("x"), false)).toBe("public");
  ours.terminate();
  await once(theirs, "close");
});

test("[CMD1] nothing is written to a closed socket", async () => {
  const { ours, theirs } = await pair();
  ours.terminate();
  expect(writeBatch(ours, batch("x"), false)).toBe("closed");
  await once(theirs, "close");
});
