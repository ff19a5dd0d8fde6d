import type { RedisRuntime } from "@belay/gateway/internal";
import { systemClock, systemRandom } from "../src/clock.ts";

/** The real clock and real randomness, and a log that can be read. */
export interface TestRuntime extends RedisRuntime {
  readonly lines: readonly string[];
}

export function testRuntime(): TestRuntime {
  const lines: string[] = [];
  const write = (fields: object, message: string): void => void lines.push(JSON.stringify({ message, ...fields }));
  return { clock: systemClock, random: systemRandom, log: { info: write, warn: write }, lines };
}
