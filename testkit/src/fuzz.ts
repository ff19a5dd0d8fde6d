import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SeededChance } from "./seeded-chance.ts";

export interface Fuzzing<T> {
  /** Inputs are a function of it: the same seed, the same run. */
  readonly seed: number;
  readonly inputs: number;
  /** One input; `chance` belongs to it alone, so that one failure can be repeated alone. */
  readonly make: (chance: SeededChance) => T;
  /** Throws where a promise is broken. Answers whether the input was accepted. */
  readonly read: (input: T, index: number) => boolean;
  /** How a failing input is told. */
  readonly show: (input: T) => string;
}

interface FuzzReport {
  readonly inputs: number;
  readonly accepted: number;
  /** The longest time of one input, milliseconds. */
  readonly slowestMs: number;
  /** What the heap and the process grew by in the second half: before, the process finds its size. */
  readonly grownHeapBytes: number;
  readonly grownProcessBytes: number;
}

/** Inputs between two looks at the event loop, whose timers must live. */
const SLICE = 5000;
/** A pause of the machine may look like slow work; an input that is really slow is slow again. */
const SUSPICIOUS_MS = 200;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Feeds a reader with seeded inputs. Fails with the seed and the input that broke a promise. */
export async function fuzz<T>(fuzzing: Fuzzing<T>): Promise<FuzzReport> {
  const half = Math.floor(fuzzing.inputs / 2);
  const first = await run(fuzzing, 0, half);
  const before = memory();
  const rest = await run(fuzzing, half, fuzzing.inputs);
  const after = memory();
  return {
    inputs: fuzzing.inputs,
    accepted: first.accepted + rest.accepted,
    slowestMs: Math.max(first.slowestMs, rest.slowestMs),
    grownHeapBytes: after.heapUsed - before.heapUsed,
    grownProcessBytes: after.rss - before.rss,
  };
}

function memory(): NodeJS.MemoryUsage {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage();
}

async function run<T>(
  fuzzing: Fuzzing<T>,
  from: number,
  to: number,
): Promise<{ readonly accepted: number; readonly slowestMs: number }> {
  let accepted = 0;
  let slowestMs = 0;
  for (let index = from; index < to; index++) {
    const input = fuzzing.make(new SeededChance(fuzzing.seed + index));
    const startMs = performance.now();
    accepted += Number(readOne(fuzzing, input, index));
    slowestMs = Math.max(slowestMs, confirmed(fuzzing, input, performance.now() - startMs));
    if (index % SLICE === 0) await setImmediate();
  }
  return { accepted, slowestMs };
}

function readOne<T>({ seed, read, show }: Fuzzing<T>, input: T, index: number): boolean {
  try {
    return read(input, index);
  } catch (error) {
    throw new Error(`seed ${seed + index}, input ${show(input)}`, { cause: error });
  }
}

function confirmed<T>(fuzzing: Fuzzing<T>, input: T, tookMs: number): number {
  if (tookMs < SUSPICIOUS_MS) return tookMs;
  const startMs = performance.now();
  readOne(fuzzing, input, 0);
  return Math.min(tookMs, performance.now() - startMs);
}

/** Prints what the run was; answers what is wrong with it. A run is worth something when many inputs go through and many do not. */
export function fuzzFaults({
  inputs,
  accepted,
  slowestMs,
  grownHeapBytes,
  grownProcessBytes,
}: FuzzReport): readonly string[] {
  const told = [`${inputs} inputs`, `${accepted} accepted`, `slowest ${slowestMs.toFixed(1)} ms`];
  process.stdout.write(`${[...told, `heap ${grownHeapBytes} B`, `process ${grownProcessBytes} B`].join(", ")}\n`);
  const share = accepted / inputs;
  return [
    ...(share < 0.03 || share > 0.97 ? [`${share} accepted`] : []),
    ...(slowestMs > 1000 ? [`an input took ${slowestMs} ms`] : []),
    ...(grownHeapBytes > 8_000_000 ? [`the heap grew by ${grownHeapBytes} bytes`] : []),
    ...(grownProcessBytes > 100_000_000 ? [`the process grew by ${grownProcessBytes} bytes`] : []),
  ];
}
