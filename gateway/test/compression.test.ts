import { once } from "node:events";
import { callApi, startGateway, TestClient } from "@belay/testkit";
import { expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";

const ON = { transports: { compression: { enabled: true, thresholdBytes: 256 } } };
const DEFLATE: ClientOptions = { perMessageDeflate: true };

async function extensionsOf(url: string, offer: string | undefined): Promise<string> {
  const socket = new WebSocket(url, {
    perMessageDeflate: false,
    headers: offer === undefined ? {} : { "Sec-WebSocket-Extensions": offer },
  });
  socket.on("error", () => undefined);
  const [response] = (await once(socket, "upgrade")) as [{ headers: Record<string, string | undefined> }];
  socket.terminate();
  return response.headers["sec-websocket-extensions"] ?? "";
}

test("[WSX1] compressed and plain sockets get the same publications in the same order", async () => {
  await using gateway = await startGateway({ config: ON });
  await using small = await TestClient.open(gateway.url, DEFLATE);
  await using plain = await TestClient.open(gateway.url);
  expect(small.socket.extensions).toBe("permessage-deflate");
  expect(plain.socket.extensions).toBe("");
  for (const client of [small, plain]) {
    await client.call({ connect: {} });
    await client.call({ subscribe: { channel: "room" } });
  }
  const payloads = Array.from({ length: 60 }, (_, n) => (n % 3 === 0 ? n : `${"long ".repeat(n * 40)}${n}`));
  for (const data of payloads) await callApi(gateway, "publish", { channel: "room", data });
  for (const client of [small, plain]) expect(await client.waitForPayloads("room", 60)).toEqual(payloads);
  // What the client says is compressed too.
  expect(await small.call({ publish: { channel: "room", data: "x".repeat(20_000) } })).not.toHaveProperty("error");
  expect((await plain.waitForPayloads("room", 61)).at(-1)).toHaveLength(20_000);
});

test("[WSX2] compression is agreed on only where it is configured and within the bounds of memory", async () => {
  await using gateway = await startGateway({ config: ON });
  const offered = "permessage-deflate; client_max_window_bits";
  expect(await extensionsOf(gateway.url, offered)).toBe(
    "permessage-deflate; client_max_window_bits=10; server_no_context_takeover; client_no_context_takeover",
  );
  // Chrome's and Firefox's offer is the one above; others cannot keep to our bounds and go uncompressed.
  for (const offer of [
    "permessage-deflate",
    `${offered}; server_max_window_bits=9`,
    "x-webkit-deflate-frame",
    undefined,
  ]) {
    expect(await extensionsOf(gateway.url, offer)).toBe("");
  }
  await using off = await startGateway();
  expect(await extensionsOf(off.url, offered)).toBe("");
});

test("[WSX3] a message that is small only on the wire is over the limit all the same", async () => {
  await using gateway = await startGateway({ config: ON });
  await using client = await TestClient.open(gateway.url, DEFLATE);
  await client.call({ connect: {} });
  client.send(JSON.stringify({ id: 2, publish: { channel: "c", data: "0".repeat(5_000_000) } }));
  expect((await client.closed).code).toBe(1009);
});
