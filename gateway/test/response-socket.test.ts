import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { JSON_CODEC } from "@belay/protocol";
import { TestStream } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { ResponseSocket } from "../src/transport/response-socket.ts";
import { JSON_LINES } from "../src/transport/stream-framing.ts";

interface OpenStream {
  readonly socket: ResponseSocket;
  readonly stream: TestStream;
  readonly frames: readonly string[];
  readonly closes: readonly number[];
}

async function open(): Promise<OpenStream> {
  const opened = Promise.withResolvers<ServerResponse>();
  const server = createServer((_, response) => {
    response.flushHeaders();
    opened.resolve(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const stream = await TestStream.open(`http://127.0.0.1:${port}/`);
  onTestFinished(() => stream.close());
  const socket = new ResponseSocket(await opened.promise, {
    transport: "http_stream",
    codec: JSON_CODEC,
    framing: JSON_LINES,
    remoteAddress: "",
    headers: {},
  });
  const frames: string[] = [];
  const closes: number[] = [];
  socket.bind({ onMessage: (data) => frames.push(data.toString()), onClose: (code) => closes.push(code) });
  return { socket, stream, frames, closes };
}

test("[EMU1] [LIM8] frames for a connection that is not read from wait, stay in order, and are accepted when they are taken", async () => {
  const { socket, frames } = await open();
  expect(socket.accept(Buffer.from("1"))).toBe(true);
  socket.pause();
  const waiting = ["2", "3"].map(async (text) => socket.accept(Buffer.from(text)));
  expect(frames).toEqual(["1"]);
  socket.resume();
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect(socket.accept(Buffer.from("4"))).toBe(true);
  expect(frames).toEqual(["1", "2", "3", "4"]);
});

test("[EMU2] frames that wait when the stream closes, and more than 16 of them, are not accepted", async () => {
  const { socket, stream, frames, closes } = await open();
  socket.pause();
  const waiting = Array.from({ length: 16 }, async (_, n) => socket.accept(Buffer.from(String(n))));
  expect(socket.accept(Buffer.from("17th"))).toBe(false);
  socket.close(3001, "shutdown");
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([false]));
  expect(socket.accept(Buffer.from("late"))).toBe(false);
  await stream.ended;
  expect(frames).toEqual([]);
  await expect.poll(() => closes).toEqual([3001]);
});

test("[STR7] a reader that goes away is told once, and what is sent or closed afterwards is nothing", async () => {
  const { socket, stream, closes } = await open();
  socket.send(JSON_LINES.batch([Buffer.from('{"id":1}')]));
  await stream.waitFor("line", ({ id }) => id === 1);
  stream.close();
  await expect.poll(() => closes).toEqual([1006]);
  socket.send(JSON_LINES.batch([Buffer.from("{}")]));
  socket.close(3001, "shutdown");
  expect(closes).toEqual([1006]);
});
