import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { DrainStatus, LoadReport } from "@belay/protocol/control";
import {
  callApi,
  callControl,
  eventually,
  type GatewayAccess,
  startGateway,
  startGatewayProcess,
  TestClient,
} from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";

const status = async (gateway: GatewayAccess): Promise<DrainStatus> =>
  (await (await callControl(gateway, "/drain")).json()) as DrainStatus;
const load = async (gateway: GatewayAccess): Promise<LoadReport> =>
  (await (await callControl(gateway, "/load")).json()) as LoadReport;
const isReady = async (gateway: GatewayAccess): Promise<boolean> =>
  (await fetch(`${gateway.httpUrl}/readyz`)).status === 200;
const connectMany = (gateway: GatewayAccess, count: number) =>
  Promise.all(Array.from({ length: count }, () => TestClient.connect(gateway.url)));

test("[DRN1] 60 connections leave evenly at 30 a second, the idle ones first, with 3001; [DRN4] then the gateway is not ready and waits", async () => {
  await using gateway = await startGateway();
  const clients = await connectMany(gateway, 60);
  const active = clients.slice(0, 10);
  for (const client of active) await client.call({ ping: {} });
  const closings: { readonly index: number; readonly code: number; readonly atMs: number }[] = [];
  for (const [index, client] of clients.entries()) {
    void client.closed.then(({ code }) => closings.push({ index, code, atMs: performance.now() }));
  }
  const startMs = performance.now();
  const answer = await callControl(gateway, "/drain", {
    term: 1,
    deadlineSeconds: 30,
    ratePerSecond: 30,
    reason: "scale-down",
  });
  expect(await answer.json()).toMatchObject({ state: "draining", atStart: 60 });
  expect(await isReady(gateway)).toBe(true);
  await eventually("drained", 10_000, async () => (await status(gateway)).state === "drained");
  expect(performance.now() - startMs).toBeGreaterThan(1700);
  expect(closings.map(({ code }) => code)).toEqual(Array.from({ length: 60 }, () => 3001));
  // Those closed in one tick (at most 3 at this rate) reach their clients in any order.
  const last = closings.slice(-13).map(({ index }) => index);
  expect(active.every((_, index) => last.includes(index))).toBe(true);
  const firstHalf = closings.filter(({ atMs }) => atMs - startMs < 1000).length;
  expect(firstHalf).toBeLessThanOrEqual(34);
  expect(await status(gateway)).toMatchObject({ atStart: 60, remaining: 0, closed: 60, forced: 0, left: 0 });
  expect(await load(gateway)).toMatchObject({ connections: 0, ready: false, notReadyReason: "drained" });
  expect(await isReady(gateway)).toBe(false);
  expect((await fetch(`${gateway.httpUrl}/healthz`)).status).toBe(200);
});

test("[CON5] while the gate is closed connect is answered by closing with 3001", async () => {
  await using gateway = await startGateway();
  await using stays = await TestClient.connect(gateway.url);
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 60, ratePerSecond: 0.01, reason: "rollout" });
  await using late = await TestClient.open(gateway.url);
  late.send('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"a"}}');
  expect(await late.closed).toEqual({ code: 3001, reason: "shutdown" });
  expect(late.received).toEqual([]);
  expect((await stays.call({ ping: {} })).error).toBeUndefined();
});

test("[DRN2] at the deadline the rest is closed at once", async () => {
  await using gateway = await startGateway();
  const clients = await connectMany(gateway, 20);
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 1, ratePerSecond: 1, reason: "rollout" });
  for (const client of clients) expect((await client.closed).code).toBe(3001);
  const { closed, forced, left } = await eventually("drained", 5000, async () => {
    const seen = await status(gateway);
    return seen.state === "drained" && seen;
  });
  expect(closed + forced + left).toBe(20);
});

test("[DRN3] an old term gets 409, the same or a newer one changes the drain", async () => {
  await using gateway = await startGateway();
  const clients = await connectMany(gateway, 5);
  const ask = (term: number, deadlineSeconds: number, ratePerSecond = 0.001) =>
    callControl(gateway, "/drain", { term, deadlineSeconds, ratePerSecond, reason: "rollout" });
  expect((await ask(5, 1000)).status).toBe(200);
  const refused = await ask(4, 1);
  expect([refused.status, await refused.json()]).toEqual([
    409,
    { problems: [{ field: "term", rule: "must not be smaller than one seen before", value: 4 }] },
  ]);
  expect((await status(gateway)).secondsToDeadline).toBeGreaterThan(900);
  expect((await ask(5, 1000, 1000)).status).toBe(200);
  for (const client of clients) expect((await client.closed).code).toBe(3001);
});

test("[DRN3] a bad request names each field, its rule and the value", async () => {
  await using gateway = await startGateway();
  const response = await callControl(gateway, "/drain", { term: -1, deadlineSeconds: "x", reason: "fun" });
  expect([response.status, await response.json()]).toEqual([
    400,
    {
      problems: [
        { field: "term", rule: "must be from 0 to 9007199254740991", value: -1 },
        { field: "deadlineSeconds", rule: "must be from 0 to 86400", value: "x" },
        { field: "ratePerSecond", rule: "must be from 0.001 to 1000000" },
        { field: "reason", rule: "must be rollout, scale-down or unhealthy", value: "fun" },
      ],
    },
  ]);
  expect((await status(gateway)).state).toBe("serving");
});

test("[DRN10] a cancelled drain closes nobody else, lets clients in, and is told; an old term cannot cancel", async () => {
  await using gateway = await startGateway();
  const clients = await connectMany(gateway, 20);
  await gateway.setTraffic("off");
  await callControl(gateway, "/drain", { term: 3, deadlineSeconds: 60, ratePerSecond: 20, reason: "rollout" });
  await eventually("some are closed", 10_000, async () => (await status(gateway)).closed >= 5);
  expect((await callControl(gateway, "/drain", { term: 2, cancel: true })).status).toBe(409);
  const answer = await callControl(gateway, "/drain", { term: 3, cancel: true });
  const { state, report } = (await answer.json()) as DrainStatus;
  expect([answer.status, state, report?.outcome]).toEqual([200, "serving", "cancelled"]);
  expect(report).toMatchObject({ atStart: 20, moved: 0, forced: 0, left: 0 });
  await using late = await TestClient.connect(gateway.url);
  const stayed = clients.filter(({ socket }) => socket.readyState === socket.OPEN);
  for (const client of stayed) expect((await client.call({ ping: {} })).error).toBeUndefined();
  expect((await late.call({ ping: {} })).error).toBeUndefined();
  expect([stayed.length, report?.closed]).toEqual([report?.stayed, 20 - (report?.stayed ?? 0)]);
  expect(await load(gateway)).toMatchObject({ connections: stayed.length + 1, ready: true });
  const metrics = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_drains_total{outcome="cancelled"} 1');
  expect(metrics).toContain(`belay_gateway_drain_connections_total{how="closed"} ${report?.closed}`);
});

test("[DRN2] Wait and Abort force nobody at the deadline", async () => {
  await using gateway = await startGateway();
  const [client] = await connectMany(gateway, 1);
  const ask = (term: number, policy: string, deadlineSeconds: number) =>
    callControl(gateway, "/drain", { term, deadlineSeconds, ratePerSecond: 0.001, reason: "rollout", policy });
  expect((await ask(1, "Whatever", 1)).status).toBe(400);
  // Nothing is due in no time: at the deadline the client is still there.
  await ask(1, "Abort", 0);
  expect(await status(gateway)).toMatchObject({ state: "serving", report: { outcome: "aborted", stayed: 1 } });
  await ask(1, "Wait", 0);
  expect(await status(gateway)).toMatchObject({ state: "draining", remaining: 1, secondsToDeadline: 0 });
  expect((await client?.call({ ping: {} }))?.error).toBeUndefined();
  await ask(1, "ForceClose", 0);
  expect((await client?.closed)?.code).toBe(3001);
});

test("[CLS3] what is queued for a client comes before its close", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "cls3" } });
  await Promise.all(Array.from({ length: 50 }, (_, n) => callApi(gateway, "publish", { channel: "cls3", data: n })));
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 0, ratePerSecond: 1, reason: "rollout" });
  expect((await client.closed).code).toBe(3001);
  expect(client.payloads("cls3")).toHaveLength(50);
});

test("[DRN5] the traffic label closes the gate and opens it again; open sockets go on", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.connect(gateway.url);
  await gateway.setTraffic("off");
  await eventually("gate closed", 5000, async () => {
    await using late = await TestClient.open(gateway.url);
    late.send('{"id":1,"connect":{}}');
    const answered = late.waitFor("reply", () => true).then(() => 0);
    return (await Promise.race([late.closed.then(({ code }) => code), answered])) === 3001;
  });
  expect(await isReady(gateway)).toBe(true);
  expect((await client.call({ ping: {} })).error).toBeUndefined();
  client.socket.close();
  await eventually("not ready when empty", 5000, async () => !(await isReady(gateway)));
  await gateway.setTraffic("on");
  await eventually("gate open", 5000, () => isReady(gateway));
  await using again = await TestClient.connect(gateway.url);
  expect(again.received).toHaveLength(1);
});

test("[DRN6] SIGTERM drains at the configured rate and deadline, then the process exits with 0", async () => {
  await using gateway = await startGatewayProcess({ config: { drain: { deadlineSeconds: 2, ratePerSecond: 5 } } });
  const clients = await connectMany(gateway, 30);
  const startMs = performance.now();
  gateway.process.kill("SIGTERM");
  const codes = await Promise.all(clients.map(async (client) => (await client.closed).code));
  expect(codes).toEqual(Array.from({ length: 30 }, () => 3001));
  expect(await gateway.exited).toBe(0);
  const tookMs = performance.now() - startMs;
  expect(tookMs).toBeGreaterThan(1000);
  expect(tookMs).toBeLessThan(4000);
});

test("[DRN6] SIGTERM after a finished drain exits at once", async () => {
  await using gateway = await startGatewayProcess();
  const [client] = await connectMany(gateway, 1);
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 5, ratePerSecond: 100, reason: "rollout" });
  expect((await client?.closed)?.code).toBe(3001);
  await eventually("drained", 5000, async () => (await status(gateway)).state === "drained");
  const startMs = performance.now();
  gateway.process.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(1000);
});

test("[DRN7] once the gate is closed an answer ends its connection, so that API callers go elsewhere before the pod does", async () => {
  await using gateway = await startGateway();
  const ask = (): Promise<Response> => fetch(`${gateway.httpUrl}/healthz`);
  expect((await ask()).headers.get("connection")).toBe("keep-alive");
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 60, ratePerSecond: 1, reason: "rollout" });
  expect((await ask()).headers.get("connection")).toBe("close");
});

test("[DRN7] a drain request ends idle HTTP connections", async () => {
  await using gateway = await startGateway();
  using agent = new IdleAgent();
  await agent.get(`${gateway.httpUrl}/healthz`);
  expect(agent.idleConnections).toBe(1);
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 60, ratePerSecond: 1, reason: "rollout" });
  await eventually("the idle connection is gone", 10_000, () => agent.idleConnections === 0);
});

test("[DRN7] a drain request cuts no request that is on its way", async () => {
  await using gateway = await startGateway();
  using agent = new IdleAgent();
  const askAll = (): Promise<unknown> =>
    Promise.all(Array.from({ length: 100 }, () => agent.get(`${gateway.httpUrl}/healthz`)));
  await askAll();
  expect(agent.idleConnections).toBe(100);
  const request = { term: 1, deadlineSeconds: 60, ratePerSecond: 1, reason: "rollout" };
  await Promise.all([callControl(gateway, "/drain", request), askAll(), askAll()]);
  await eventually("the idle connections are gone", 10_000, () => agent.idleConnections === 0);
});

/** A connection whose first request has been answered. */
interface UsedConnection {
  readonly socket: Socket;
  readonly hostname: string;
  readonly ask: () => void;
  /** What came since the last call. */
  readonly takeAnswers: () => string;
}

async function usedConnection(gateway: GatewayAccess): Promise<UsedConnection> {
  const { port, hostname } = new URL(gateway.httpUrl);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  const answers: string[] = [];
  socket.setEncoding("latin1").on("data", (text: string) => answers.push(text));
  const ask = (): void => void socket.write(`GET /healthz HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  ask();
  await eventually("an answer", 5_000, () => answers.join("").includes("200 OK"));
  const takeAnswers = (): string => answers.splice(0).join("");
  takeAnswers();
  return { socket, hostname, ask, takeAnswers };
}

test("[DRN7] a request that comes before its connection is ended for want of one is answered, however late the event loop is", async () => {
  await using gateway = await startGateway();
  const { socket, ask, takeAnswers } = await usedConnection(gateway);
  const endMs = performance.now() + 1_400;
  await callControl(gateway, "/drain", { term: 1, deadlineSeconds: 60, ratePerSecond: 1, reason: "rollout" });
  await eventually("most of two seconds", 5_000, () => performance.now() >= endMs);
  // Behind reading and before timers: the request has been sent, and the gateway, in this process, is late.
  await new Promise((resolve) => setImmediate(resolve));
  ask();
  const lateMs = performance.now() + 1_200;
  while (performance.now() < lateMs);
  let answer = "";
  await eventually("an answer, or an end", 5_000, () => (answer += takeAnswers()) !== "" || socket.closed);
  expect(answer).toContain("200 OK");
});

test("[DRN7] a WebSocket on a connection that has served requests is no idle connection", async () => {
  await using gateway = await startGateway();
  const { socket, hostname, takeAnswers } = await usedConnection(gateway);
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
  const key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";
  socket.write(`GET /connection/websocket HTTP/1.1\r\nHost: ${hostname}\r\n${upgrade}\r\n${key}\r\n\r\n`);
  let answers = "";
  await eventually("a WebSocket", 5_000, () => (answers += takeAnswers()).includes("101 Switching"));
  const request = { term: 1, deadlineSeconds: 60, ratePerSecond: 0.001, reason: "rollout" };
  await callControl(gateway, "/drain", request);
  const endMs = performance.now() + 3_000;
  await eventually("the time of idle connections", 10_000, () => performance.now() > endMs);
  expect(socket.destroyed).toBe(false);
});

/** Keeps its connections open, as callers of the server API do. */
class IdleAgent extends Agent implements Disposable {
  constructor() {
    super({ keepAlive: true });
  }

  get idleConnections(): number {
    return Object.values(this.freeSockets).flat().length;
  }

  async get(url: string): Promise<void> {
    const [response] = (await once(get(url, { agent: this }), "response")) as [IncomingMessage];
    await once(response.resume(), "close");
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}
