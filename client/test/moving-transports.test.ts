import {
  callControl,
  eventually,
  type GatewayTestOptions,
  RoundRobin,
  startGatewayProcess,
  startRedis,
} from "@belay/testkit";
import { SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../src/client.ts";
import { httpStreamTransport } from "../src/http-stream-transport.ts";
import { sseTransport } from "../src/sse-transport.ts";
import { webSocketTransport } from "../src/websocket-transport.ts";
import { forms } from "./forms.ts";

const WITHIN_MS = 30_000;
const config: NonNullable<GatewayTestOptions["config"]> = {
  channels: {
    namespaces: [
      {
        name: "kept",
        allow: { publish: "authenticated", history: "authenticated", presence: "authenticated" },
        history: { size: 1000, ttlSeconds: 300 },
        presence: true,
      },
      { name: "plain", allow: { publish: "authenticated" } },
    ],
  },
};

const cases = [webSocketTransport, httpStreamTransport, sseTransport].flatMap((transport) =>
  forms
    .filter(({ client }) => transport.formats.includes(client.format))
    .map((form) => ({ name: `${transport.name}-${form.client.format}`, transport, form })),
);

function endWithTest<T extends AsyncDisposable>(disposable: T): T {
  onTestFinished(() => disposable[Symbol.asyncDispose]());
  return disposable;
}

/** What was said, whatever the form of the payload. */
function textOf(data: unknown): string {
  return data instanceof Uint8Array ? String(JSON.parse(new TextDecoder().decode(data))) : String(data);
}

test("[TRN5] on every transport, in every form: calls, and a move to another pod while everybody publishes", async () => {
  const redis = endWithTest(await startRedis());
  const [first, second] = await Promise.all(
    ["pod-one", "pod-two"].map(async (podUid) =>
      endWithTest(await startGatewayProcess({ redisUrl: redis.url, config, podUid })),
    ),
  );
  if (first === undefined || second === undefined) throw new Error("there are two");
  const service = endWithTest(await RoundRobin.start([portOf(first)]));

  const clients = await Promise.all(
    cases.map(async ({ name, transport, form }) => {
      const token = await new SignJWT({ sub: name })
        .setProtectedHeader({ alg: "HS256" })
        .sign(new TextEncoder().encode(first.hmacSecret));
      const endpoint = `http://127.0.0.1:${service.port}`;
      const client = new Client({ endpoint, token, transports: [transport], codec: form.client });
      onTestFinished(() => client.disconnect());
      const channel = client.channel(`kept:${name}`);
      const bare = client.channel(`plain:${name}`);
      const shown: string[] = [];
      const states: string[] = [];
      for (const each of [channel, bare]) {
        each.on("publication", ({ data }) => shown.push(`${each.channel} ${textOf(data)}`));
        each.on("reset", ({ reason }) => shown.push(`${each.channel} reset ${reason}`));
        each.subscribe();
      }
      client.on("state", (state) => states.push(state.name));
      client.connect();
      await Promise.all([channel.ready(), bare.ready()]);
      const said: string[] = [];
      const publish = async (n: number): Promise<void> => {
        for (const each of [channel, bare]) {
          said.push(`${each.channel} ${n}`);
          await each.publish(form.payload(String(n)));
        }
      };
      return { name, client, channel, shown, states, said, publish };
    }),
  );

  await Promise.all(clients.map(({ publish }) => publish(0)));
  for (const { name, client, channel } of clients) {
    expect(client.inspect()).toMatchObject({ node: "pod-one", connection: { transport: name.split("-")[0] } });
    expect([...(await channel.presence()).values()]).toMatchObject([{ user: name }]);
    expect((await channel.history({ limit: 9 })).publications.map(({ data }) => textOf(data))).toEqual(["0"]);
  }

  service.add(portOf(second));
  service.remove(portOf(first));
  await callControl(first, "/drain", { term: 1, deadlineSeconds: 30, ratePerSecond: 5, reason: "rollout" });
  let n = 0;
  await eventually("all are on the second", WITHIN_MS, async () => {
    n += 1;
    await Promise.all(clients.map(({ publish }) => publish(n)));
    return clients.every(({ client }) => client.inspect().node === "pod-two" && client.state.name === "connected");
  });
  await Promise.all(clients.map(({ publish }) => publish(n + 1)));
  for (const { shown, said, states } of clients) {
    await eventually("all of it", WITHIN_MS, () => shown.length >= said.length);
    expect(shown.toSorted(byChannel)).toEqual(said.toSorted(byChannel));
    expect(states).toEqual(["connecting", "connected", "migrating", "connected"]);
  }
});

function portOf({ url }: { readonly url: string }): number {
  return Number(new URL(url).port);
}

/** Channels apart, each in its order. */
function byChannel(one: string, other: string): number {
  return one.split(" ")[0] === other.split(" ")[0] ? 0 : one < other ? -1 : 1;
}
