/** `npm run bench`: figures of docs/redis.md. Fails where one core of Redis could not carry 20,000 stored publications a second. */
import { delivery } from "./delivery.ts";
import { redisCosts } from "./redis-cost.ts";

const NEEDED_PER_CORE = 20_000;

const costs = await redisCosts();
const peerMicros = costs[0]?.cpuMicros ?? Number.NaN;
console.log("what                       a second   Redis CPU µs   times PUBLISH   a second and core of Redis");
for (const { what, perSecond, cpuMicros } of costs) {
  const figures = [
    Math.round(perSecond),
    cpuMicros.toFixed(1),
    (cpuMicros / peerMicros).toFixed(1),
    Math.round(1e6 / cpuMicros),
  ];
  console.log(what.padEnd(25), figures.map((figure) => String(figure).padStart(12)).join("  "));
}

for (const isSame of [true, false]) {
  const { perSecond, lost, p50, p99 } = await delivery(isSame);
  const where = isSame ? "on the publisher's gateway" : "on another gateway";
  console.log(`${where}: ${perSecond} a second, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, lost ${lost}`);
  if (lost > 0) process.exitCode = 1;
}

const perCore = 1e6 / (costs[1]?.cpuMicros ?? Number.NaN);
if (!(perCore >= NEEDED_PER_CORE)) {
  console.error(
    `one core of Redis carries ${Math.round(perCore)} stored publications a second, not ${NEEDED_PER_CORE}`,
  );
  process.exitCode = 1;
}
