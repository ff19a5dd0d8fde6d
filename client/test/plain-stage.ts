import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { callApi, type GatewayAccess, type GatewayTestOptions, PlainRelay, startGateway } from "@belay/testkit";
import { type JWTPayload, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import type { Client } from "../src/client.ts";
import { createClient } from "../src/create-client.ts";
import type { ClientOptions } from "../src/options.ts";
import type { Reset } from "../src/sequencer.ts";
import type { SubscriptionOptions } from "../src/subscription-options.ts";

const everyone = { subscribe: "anonymous", publish: "anonymous", history: "anonymous", presence: "anonymous" } as const;
const kept = { history: { size: 500, ttlSeconds: 60 }, allow: everyone } as const;

export const config: NonNullable<GatewayTestOptions["config"]> = {
  channels: {
    unprefixed: { allow: everyone },
    namespaces: [
      { name: "kept", ...kept },
      { name: "short", history: { size: 2, ttlSeconds: 60 }, allow: everyone },
      { name: "seen", ...kept, presence: true, joinLeave: "OnRequest" },
      { name: "secret", ...kept, allow: { ...everyone, subscribe: "token" } },
    ],
  },
};

/** A gateway, and the way to it for clients of whose extensions it is to know nothing. */
export interface Stage {
  readonly gateway: GatewayAccess;
  readonly relay: PlainRelay;
}

export async function stage(options: GatewayTestOptions = { config }): Promise<Stage> {
  const gateway = await startGateway(options);
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  return { gateway, relay: await PlainRelay.start(gateway) };
}

export async function sign(gateway: GatewayAccess, claims: JWTPayload, lifeSeconds = 600): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(`${lifeSeconds} s`)
    .sign(new TextEncoder().encode(gateway.hmacSecret));
}

/** A client and all that it tells, in one row. */
export class Subject {
  readonly told: string[] = [];
  readonly client: Client;

  constructor(relay: PlainRelay, options: Partial<ClientOptions> = {}) {
    this.client = createClient({ endpoint: relay.httpUrl, backoff: { baseMs: 50, maxMs: 200 }, ...options });
    onTestFinished(() => this.client.disconnect());
    const { client } = this;
    let last = "";
    client.on("state", ({ name }) => {
      // Each try is a state of its own.
      if (name !== last) this.told.push(name);
      last = name;
    });
    client.on("error", ({ name }) => this.told.push(`error ${name}`));
    client.on("subscribed", ({ channel }) => this.told.push(`${channel} subscribed`));
    client.on("unsubscribed", ({ channel }) => this.told.push(`${channel} unsubscribed`));
    client.on("publication", ({ channel, data }) => this.told.push(`${channel} ${textOf(data)}`));
    client.on("reset", ({ channel, reset }) => this.told.push(`${channel} ${resetText(reset)}`));
    client.connect();
  }

  listen(name: string, options: SubscriptionOptions = {}): ReturnType<Client["channel"]> {
    const channel = this.client.channel(name, options);
    channel.on("publication", ({ data }) => this.told.push(`${name} ${textOf(data)}`));
    channel.on("reset", (reset) => this.told.push(`${name} ${resetText(reset)}`));
    channel.on("join", ({ user }) => this.told.push(`${name} ${user} joins`));
    channel.on("leave", ({ user }) => this.told.push(`${name} ${user} leaves`));
    channel.on("state", (state) =>
      this.told.push([name, state.name, ...(state.error === undefined ? [] : [state.error.code])].join(" ")),
    );
    channel.subscribe();
    return channel;
  }

  /** Of what was told that which begins with this name. */
  of(name: string): readonly string[] {
    return this.told.filter((each) => each.startsWith(`${name} `)).map((each) => each.slice(name.length + 1));
  }

  get states(): readonly string[] {
    return this.told.filter((each) => !each.includes(" "));
  }
}

/** What was said, whatever the form of the payload. */
export function textOf(data: unknown): string {
  return data instanceof Uint8Array ? String(JSON.parse(new TextDecoder().decode(data))) : String(data);
}

function resetText({ reason, from, to }: Reset): string {
  return `reset ${reason} ${from?.offset ?? "?"}-${to?.offset ?? "?"}`;
}

/** By the server API. */
export async function publish(gateway: GatewayAccess, channel: string, ...all: readonly unknown[]): Promise<void> {
  for (const data of all) await callApi(gateway, "publish", { channel, data });
}

/** What the channel's history has. */
export async function keptIn(gateway: GatewayAccess, channel: string): Promise<readonly unknown[]> {
  const { result } = (await callApi(gateway, "history", { channel, limit: -1 })) as {
    readonly result: { readonly publications?: readonly { readonly data: unknown }[] };
  };
  return (result.publications ?? []).map(({ data }) => data);
}

/** An application that answers every rpc with what it was asked. Resolves to its address. */
export async function startEcho(): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method, data } = JSON.parse(Buffer.concat(chunks).toString()) as Record<"method" | "data", unknown>;
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ result: { data: { method, data } } }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/rpc`;
}
