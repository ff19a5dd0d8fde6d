import { callApi, eventually, freePort, type GatewayAccess, startGateway } from "@belay/testkit";
import { SignJWT } from "jose";
import { EventSource } from "undici";
import { describe, expect, test } from "vitest";
import { WebSocket as WsWebSocket } from "ws";
import { httpStreamTransport } from "../src/http-stream-transport.ts";
import { sseTransport } from "../src/sse-transport.ts";
import type { Environment } from "../src/transport.ts";
import { webSocketTransport } from "../src/websocket-transport.ts";
import { type Driving, DrivenTransport, endpointOf } from "./driven-transport.ts";
import { forms } from "./forms.ts";

const WITHIN_MS = 20_000;

interface Case extends Driving {
  readonly name: string;
  readonly payload: (json: string) => unknown;
}

const withEventSource = { ...pick(globalThis), EventSource } as unknown as Environment;
const cases: readonly Case[] = [webSocketTransport, httpStreamTransport, sseTransport].flatMap((factory) =>
  forms
    .filter(({ client }) => factory.formats.includes(client.format))
    .map(({ client, payload }) => ({ name: `${factory.name}, ${client.format}`, factory, codec: client, payload })),
);
const withWs = { ...pick(globalThis), WebSocket: WsWebSocket } as unknown as Environment;
const [sse] = cases.filter(({ factory }) => factory === sseTransport);
const all: readonly Case[] = [
  ...cases,
  ...cases
    .filter(({ factory }) => factory === webSocketTransport)
    .map((each) => ({ ...each, name: `${each.name}, the WebSocket of ws`, environment: withWs })),
  ...(sse === undefined ? [] : [{ ...sse, name: "sse, json, an EventSource", environment: withEventSource }]),
];

function pick({ fetch, WebSocket }: typeof globalThis): Environment {
  return { fetch, WebSocket };
}

async function tokenOf(user: string, { hmacSecret }: GatewayAccess): Promise<string> {
  return new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(hmacSecret));
}

describe.each(all)("$name", (driving) => {
  const { factory, payload } = driving;

  test("[TRN1] connect, subscribe and 300 publications in turns of their own: in order, once", async () => {
    await using gateway = await startGateway();
    using driven = new DrivenTransport(endpointOf(gateway, factory), driving);
    // Before the connect reply: it waits.
    driven.send({ kind: "subscribe", id: driven.nextId(), channel: "c" });
    await driven.connected();
    expect(await driven.reply(2)).toMatchObject({ kind: "subscribe" });
    for (let n = 0; n < 300; n++) {
      driven.send({ kind: "publish", id: driven.nextId(), channel: "c", data: payload(String(n)) });
      if (n % 3 === 0) await Promise.resolve();
    }
    await eventually("300 publications", WITHIN_MS, () => driven.publications.length >= 300);
    expect(driven.publications).toEqual(Array.from({ length: 300 }, (_, n) => payload(String(n))));
    await eventually("all is confirmed", WITHIN_MS, () => driven.transport.bufferedAmount === 0);
    expect(driven).toMatchObject({ opens: 1, strayFrames: 0, closes: [] });
  });

  test("[TRN2] the server's end is told once, with its code", async () => {
    await using gateway = await startGateway();
    using driven = new DrivenTransport(endpointOf(gateway, factory), driving, {
      token: await tokenOf("anna", gateway),
    });
    await driven.connected();
    await callApi(gateway, "disconnect", { user: "anna" });
    await eventually("the end", WITHIN_MS, () => driven.closes.length > 0);
    const [close] = driven.closes;
    const told = driven.received.findLast(({ type }) => type === "push");
    const isSocket = factory === webSocketTransport;
    expect({ close, told }).toMatchObject(
      isSocket
        ? { close: { code: 3503, wasClean: true } }
        : { close: { code: 1006 }, told: { kind: "disconnect", code: 3503 } },
    );
    expect(driven.closes).toHaveLength(1);
  });

  test("[TRN2] an end by the client is the last thing that happens, and the server sees it", async () => {
    await using gateway = await startGateway({ config: { channels: { unprefixed: { presence: true } } } });
    const driven = await new DrivenTransport(endpointOf(gateway, factory), driving).connected();
    driven.send({ kind: "subscribe", id: 2, channel: "c" });
    await driven.reply(2);
    driven.close();
    driven.send({ kind: "ping", id: 3 });
    const nobody = { result: { num_clients: 0, num_users: 0 } };
    await eventually("nobody is present", WITHIN_MS, async () => {
      expect(await callApi(gateway, "presence_stats", { channel: "c" })).toEqual(nobody);
      return true;
    });
    expect(driven.closes).toEqual([]);
    expect(driven.received.filter(({ type }) => type === "reply")).toHaveLength(2);
  });

  test("[TRN3] where nobody listens, and where nothing is served, it ends without having opened", async () => {
    await using gateway = await startGateway();
    const nothing = new URL("/nothing", endpointOf(gateway, factory)).href;
    const nobody = new URL(nothing);
    nobody.port = String(await freePort());
    for (const at of [nothing, nobody.href, "no url"]) {
      using driven = new DrivenTransport(at, driving);
      await eventually("the end", WITHIN_MS, () => driven.closes.length > 0);
      expect(driven).toMatchObject({ opens: 0, closes: [{ code: 1006, wasClean: false }], received: [] });
    }
  });

  test("[TRN2] what the server cannot take ends the connection", async () => {
    await using gateway = await startGateway({ config: { limits: { maxMessageBytes: 2048 } } });
    using driven = await new DrivenTransport(endpointOf(gateway, factory), driving).connected();
    const data = payload(JSON.stringify("x".repeat(4096)));
    driven.send({ kind: "publish", id: 2, channel: "c", data });
    await eventually("the end", WITHIN_MS, () => driven.closes.length > 0);
    expect(driven.closes).toMatchObject([{ code: 1009 }]);
  });
});
