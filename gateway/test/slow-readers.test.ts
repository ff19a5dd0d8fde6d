import { setTimeout as after } from "node:timers/promises";
import { callApi, eventually, type GatewayProcess, startGatewayProcess } from "@belay/testkit";
import { expect, test } from "vitest";
import { CountingReader, countedData } from "./counting-reader.ts";

/** `SLOW_READERS=1000` is the full run, which compares latencies too and wants two idle cores. */
const FULL = Number(process.env["SLOW_READERS"] ?? 0);
const SUBSCRIBERS = FULL === 0 ? 100 : FULL;
const SLOW = SUBSCRIBERS / 5;
const PER_SECOND = 200;
const BYTES = 4_000;
const CHANNEL = "feed";
/** So that a request stays below the limit of its body. */
const MOST_AT_ONCE = 10;
const UNDISTURBED_MS = 4_000;

async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.httpUrl}/metrics`)).text();
  return Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.split(" ")
      .at(-1) ?? 0,
  );
}

const residentBytes = (gateway: GatewayProcess): Promise<number> => metric(gateway, "process_resident_memory_bytes");

/** Publishes at an even rate, in order, until told to stop. Resolves to the last number. */
async function publish(gateway: GatewayProcess, first: number, isOver: () => boolean): Promise<number> {
  const startMs = performance.now();
  let next = first;
  while (!isOver()) {
    const due = first + ((performance.now() - startMs) / 1000) * PER_SECOND;
    const commands = [];
    for (; next < due && commands.length < MOST_AT_ONCE; next += 1) {
      commands.push({ publish: { channel: CHANNEL, data: countedData(next, performance.now(), BYTES) } });
    }
    if (commands.length > 0) await callApi(gateway, "batch", { commands });
    if (commands.length < MOST_AT_ONCE) await after(5);
  }
  return next - 1;
}

function percentile99(latenciesMs: readonly number[]): number {
  return latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)] ?? 0;
}

test("[LIM7] a fifth of the subscribers stops reading: they are closed as slow, the others lose nothing, memory comes back", async () => {
  await using gateway = await startGatewayProcess({
    // A client that reads nothing answers no ping either.
    config: { heartbeat: { pingIntervalMs: 300_000, pongTimeoutMs: 200_000 } },
  });
  using open = new DisposableStack();
  let latenciesMs: number[] = [];
  const openReader = async (note?: (latencyMs: number) => void): Promise<CountingReader> =>
    open.use(await CountingReader.open(Number(new URL(gateway.httpUrl).port), CHANNEL, note));
  const readers: CountingReader[] = [];
  for (let count = SLOW; count < SUBSCRIBERS; count += 1) {
    readers.push(await openReader((latencyMs) => latenciesMs.push(latencyMs)));
  }

  const endMs = performance.now() + UNDISTURBED_MS;
  const undisturbed = await publish(gateway, 1, () => performance.now() > endMs);
  const arrived = (last: number) => () => readers.every((reader) => reader.last === last);
  await eventually("all have all", 20_000, arrived(undisturbed));
  const before = { p99Ms: percentile99(latenciesMs), residentBytes: await residentBytes(gateway) };

  latenciesMs = [];
  const slow: CountingReader[] = [];
  for (let count = 0; count < SLOW; count += 1) slow.push(await openReader());
  for (const reader of slow) reader.pause();
  let isOver = false;
  const publishing = publish(gateway, undisturbed + 1, () => isOver);
  let most = 0;
  await eventually("closed as slow", 60_000, async () => {
    most = Math.max(most, await residentBytes(gateway));
    return (await metric(gateway, 'belay_gateway_closes_total{code="3008"}')) === SLOW;
  }).finally(() => (isOver = true));
  const published = await publishing;
  await eventually("all have all", 20_000, arrived(published));

  expect(readers.filter(({ received, outOfOrder }) => received !== published || outOfOrder > 0)).toEqual([]);
  expect(readers.filter(({ isClosed }) => isClosed)).toEqual([]);
  const p99Ms = percentile99(latenciesMs);
  expect(p99Ms).toBeLessThan(FULL > 0 ? 2 * before.p99Ms : 10_000);
  for (const reader of slow) reader.resume();
  await eventually("they see their end", 20_000, () => slow.every(({ isClosed }) => isClosed));
  const allowed = before.residentBytes * 1.25;
  const left = await eventually("memory comes back", 30_000, async () => {
    const bytes = await residentBytes(gateway);
    return bytes < allowed && bytes;
  });
  const figures = [before.residentBytes, most, left].map((bytes) => Math.round(bytes / 1e6)).join(" → ");
  console.log(
    `${published} messages to ${SUBSCRIBERS}: p99 ${before.p99Ms.toFixed(1)} → ${p99Ms.toFixed(1)} ms, RSS ${figures} MB`,
  );
}, 240_000);
