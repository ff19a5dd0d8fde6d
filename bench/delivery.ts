/** From a client's publish on one gateway to another client on another gateway: two processes and a Redis, as in a cluster. */
import { startGatewayProcess } from "../testkit/src/gateway.ts";
import { startRedis } from "../testkit/src/redis.ts";
import { TestClient } from "../testkit/src/test-client.ts";

export interface Delivery {
  readonly perSecond: number;
  readonly lost: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

const PER_SECOND = 1000;
const SECONDS = 10;
const TICK_MS = 5;
const CHANNEL = "bench";

/** @param isSame both clients on one gateway: what the way through the other one adds is the difference. */
export async function delivery(isSame: boolean): Promise<Delivery> {
  await using redis = await startRedis();
  const options = {
    redisUrl: redis.url,
    config: { channels: { unprefixed: { history: { size: 100, ttlSeconds: 60 } } } },
  };
  await using here = await startGatewayProcess({ ...options, podUid: "here" });
  await using there = await startGatewayProcess({ ...options, podUid: "there" });
  await using publisher = await TestClient.connect(here.url);
  await using reader = await TestClient.connect((isSame ? here : there).url);
  await reader.call({ subscribe: { channel: CHANNEL } });
  const took: number[] = [];
  reader.socket.on("message", (frame: Buffer) => {
    const nowMs = performance.now();
    for (const [, sentMs] of frame.toString().matchAll(/"at":([\d.]+)/g)) took.push(nowMs - Number(sentMs));
  });
  await pace(publisher);
  const sent = PER_SECOND * SECONDS;
  const endMs = performance.now() + 5000;
  while (took.length < sent && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 20));
  // The first second warms up two processes.
  const steady = took.slice(PER_SECOND).toSorted((a, b) => a - b);
  const at = (share: number): number => steady[Math.floor(steady.length * share)] ?? Number.NaN;
  return { perSecond: PER_SECOND, lost: sent - took.length, p50: at(0.5), p99: at(0.99) };
}

/** Sends what is due at every tick, each with the moment at which it was sent. */
async function pace(publisher: TestClient): Promise<void> {
  const startMs = performance.now();
  for (let sent = 0; sent < PER_SECOND * SECONDS;) {
    const due = Math.min(PER_SECOND * SECONDS, ((performance.now() - startMs) / 1000) * PER_SECOND);
    for (; sent < due; sent += 1) {
      const data = `{"at":${performance.now()},"pad":"${"x".repeat(100)}"}`;
      publisher.send(`{"id":${sent + 1000},"publish":{"channel":"${CHANNEL}","data":${data}}}`);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}
