import { once } from "node:events";
import { servingCertificate } from "@belay/testkit";
import { type Centrifuge, State } from "centrifuge";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { applyObject } from "../kubectl.ts";
import { EmulationPosts } from "../stream-clients.ts";

const CLIENTS = 200;

test("200 SDK clients over SSE and HTTP streams through a Service of three pods: 0 misrouted, 0 accepted for a session that is gone", async () => {
  await using ns = await given.namespace("e2e-streams");
  await given.realtimeCluster(ns, "st", { replicas: 3, auth: { anonymous: true } });
  const { url } = await given.readyCluster(ns, "st");
  const uids = (await given.gatewayPods(ns, "st")).map((pod) => pod.metadata.uid);
  await given.everyPodReached(url, uids);
  const posts = new EmulationPosts(new URL("/", url).href.replace(/^ws/, "http").replace(/\/$/, ""));
  const clients = Array.from({ length: CLIENTS }, (_, n) => posts.client(n % 2 === 0 ? "sse" : "http_stream"));
  try {
    const heard = await Promise.all(clients.map((client, n) => converse(client, String(n))));
    for (const [n, got] of heard.entries()) expect(got).toEqual([0, 1, 2].map((round) => `${n} ${round}`));
    expect(clients.every(({ state }) => state === State.Connected)).toBe(true);
    expect([...posts.statuses.keys()]).toEqual([204]);
    expect(posts.nodes).toEqual(new Set(uids));

    for (const client of clients.slice(0, CLIENTS / 2)) client.disconnect();
    await eventuallyTrue("half of the connections gone", { withinMs: 15_000 }, async () => {
      return (await given.readCluster(ns, "st")).status?.connections === CLIENTS / 2;
    });
    const ended = await posts.replay();
    expect([ended.get(204), ended.get(404), ended.size]).toEqual([CLIENTS / 2, CLIENTS / 2, 2]);
    console.log(
      `${posts.count} POSTs of ${CLIENTS} clients to three pods: all 204; ${CLIENTS / 2} to sessions that were gone: all 404`,
    );
  } finally {
    for (const client of clients) client.disconnect();
  }
}, 240_000);

/** Subscribes to a channel of its own and says three things: what comes back came by the right pod, in order. */
async function converse(client: Centrifuge, name: string): Promise<readonly unknown[]> {
  const subscription = client.newSubscription(`own-${name}`);
  const got: unknown[] = [];
  subscription.on("publication", ({ data }) => got.push(data));
  subscription.subscribe();
  client.connect();
  await subscription.ready(60_000);
  for (let round = 0; round < 3; round++) await subscription.publish(`${name} ${round}`);
  await eventuallyTrue(`${name} heard itself`, { withinMs: 30_000 }, () => got.length >= 3);
  return got;
}

test("pods end TLS with a Secret's certificate, and a renewed one is used without a restart or a lost socket", async () => {
  await using ns = await given.namespace("e2e-tls");
  const [first, second] = await Promise.all([servingCertificate(["rt.test"]), servingCertificate(["rt.test"])]);
  const install = ({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> =>
    applyObject({
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: "cert", namespace: ns.name },
      stringData: { "tls.crt": cert, "tls.key": key },
    });
  await install(first);
  await given.realtimeCluster(ns, "tls", {
    replicas: 1,
    auth: { anonymous: true },
    tls: { secretRef: { name: "cert" } },
  });
  const { url } = await given.readyCluster(ns, "tls");
  expect(url).toMatch(/^wss:/);
  const open = await connect(url, first.ca);
  const plain = await fetch(new URL("/connection/uni_sse", url.replace(/^wss/, "http")));
  expect(plain.status).toBe(403);
  const pods = await given.gatewayPods(ns, "tls");

  await install(second);
  const { tookMs } = await eventually("the new certificate", { withinMs: 150_000, everyMs: 1000 }, async () => {
    const socket = await connect(url, second.ca);
    socket.terminate();
    return true;
  });
  console.log(`the renewed certificate was served ${tookMs} ms after its Secret changed`);
  expect(open.readyState).toBe(WebSocket.OPEN);
  open.terminate();
  expect((await given.gatewayPods(ns, "tls")).map((pod) => pod.metadata.uid)).toEqual(
    pods.map((pod) => pod.metadata.uid),
  );
}, 300_000);

/** A connected socket over TLS, answering pings, that trusts `ca`; rejects with the TLS fault. */
async function connect(url: string, ca: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { ca, servername: "rt.test" } as ConstructorParameters<typeof WebSocket>[2]);
  await once(socket, "open");
  socket.on("error", () => undefined);
  socket.on("message", (data: Buffer) => {
    if (data.toString() === "{}") socket.send("{}");
  });
  socket.send('{"id":1,"connect":{}}');
  await once(socket, "message");
  return socket;
}
