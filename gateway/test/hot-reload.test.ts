import { once } from "node:events";
import type { GatewayConfig, LoadReport, NamespaceConfig } from "@belay/protocol/control";
import { callControl, eventually, type GatewayProcess, startGatewayProcess } from "@belay/testkit";
import { expect, test } from "vitest";
import { WebSocket } from "ws";

const SOCKETS = 5_000;
const OPEN_AT_ONCE = 200;
const NAMESPACES = 50;
const WITHIN_MS = 5_000;

/** Fifty namespaces with everything that takes time to compile. */
function namespaces(version: number): readonly NamespaceConfig[] {
  return Array.from({ length: NAMESPACES }, (_, index) => ({
    name: `n${index}`,
    allow: { subscribe: "anonymous", publish: version % 2 === 0 ? "none" : "anonymous" },
    history: { size: 10 + version, ttlSeconds: 60 },
    namePatterns: ["[a-z0-9-]{1,40}"],
    payload: {
      schema: {
        type: "object",
        required: ["text"],
        additionalProperties: false,
        properties: { text: { type: "string", pattern: `^[a-z ${version}]*$`, maxLength: 100 + index } },
      },
      sanitize: [{ path: "/text" }],
    },
  }));
}

const config = (version: number): GatewayConfig => ({ channels: { namespaces: namespaces(version) } });

/** Sockets that count what happens to them and keep nothing. */
class Crowd implements Disposable {
  readonly #sockets: WebSocket[] = [];
  drops = 0;
  unsubscribed = 0;

  async open(url: string, count: number): Promise<void> {
    const first = this.#sockets.length;
    await Promise.all(Array.from({ length: count }, (_, index) => this.#openOne(url, first + index)));
  }

  async #openOne(url: string, index: number): Promise<void> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    this.#sockets.push(socket);
    await once(socket, "open");
    const subscribed = Promise.withResolvers<void>();
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      if (text === "{}") socket.send("{}");
      if (text.includes('"unsubscribe"')) this.unsubscribed += 1;
      if (text.includes('"id":2')) subscribed.resolve();
    });
    socket.on("close", () => (this.drops += 1));
    socket.send(`{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"n${index % NAMESPACES}:room"}}`);
    await subscribed.promise;
  }

  /** Code of the answer to a publication by one of the sockets. */
  async publish(index: number, data: unknown): Promise<number> {
    const socket = this.#sockets[index];
    if (socket === undefined) throw new Error(`no socket ${index}`);
    const answered = Promise.withResolvers<number>();
    const listen = (message: Buffer): void => {
      const line = message
        .toString("utf8")
        .split("\n")
        .find((each) => each.includes('"id":3'));
      if (line !== undefined) answered.resolve((JSON.parse(line) as { error?: { code: number } }).error?.code ?? 0);
    };
    socket.on("message", listen);
    socket.send(JSON.stringify({ id: 3, publish: { channel: `n${index % NAMESPACES}:room`, data } }));
    return answered.promise.finally(() => socket.off("message", listen));
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners("close");
      socket.terminate();
    }
  }
}

async function reportOf(gateway: GatewayProcess): Promise<LoadReport> {
  return (await (await callControl(gateway, "/load")).json()) as LoadReport;
}

/** Longest time between two answers of the gateway while something runs. */
async function longestSilenceMs(gateway: GatewayProcess, until: () => Promise<boolean>): Promise<number> {
  let longestMs = 0;
  while (!(await until())) {
    const startMs = performance.now();
    await fetch(`${gateway.httpUrl}/healthz`);
    longestMs = Math.max(longestMs, performance.now() - startMs);
  }
  return longestMs;
}

test("[CFG2] [CFG1] 50 namespaces are replaced under 5,000 sockets: nobody is dropped or unsubscribed, within 5 s; a broken one changes nothing", async () => {
  await using gateway = await startGatewayProcess({ config: config(0) });
  using crowd = new Crowd();
  for (let opened = 0; opened < SOCKETS; opened += OPEN_AT_ONCE) await crowd.open(gateway.url, OPEN_AT_ONCE);
  expect((await reportOf(gateway)).connections).toBe(SOCKETS);
  expect(await crowd.publish(7, { text: "hi" })).toBe(103);
  const before = (await reportOf(gateway)).config?.hash;

  const startMs = performance.now();
  await gateway.reconfigure(config(1));
  const silenceMs = await longestSilenceMs(gateway, async () => (await reportOf(gateway)).config?.hash !== before);
  const tookMs = performance.now() - startMs;
  expect(tookMs).toBeLessThan(WITHIN_MS);
  for (const index of [0, 7, SOCKETS - 1]) expect(await crowd.publish(index, { text: "hi" })).toBe(0);
  expect(await crowd.publish(9, { text: 1 })).toBe(107);

  const broken = {
    ...config(2),
    channels: { namespaces: [...namespaces(2), { name: "x", payload: { schema: { type: "y" } } }] },
  };
  await gateway.reconfigure(broken);
  await eventually("refused", WITHIN_MS, async () => (await reportOf(gateway)).config?.refused !== undefined);
  expect(await crowd.publish(11, { text: "still version one" })).toBe(0);

  expect((await reportOf(gateway)).connections).toBe(SOCKETS);
  expect({ drops: crowd.drops, unsubscribed: crowd.unsubscribed }).toEqual({ drops: 0, unsubscribed: 0 });
  console.log(`new configuration after ${Math.round(tookMs)} ms, longest answer meanwhile ${Math.round(silenceMs)} ms`);
}, 120_000);
