import { expect, test } from "vitest";
import type { HandoverCounts } from "./handover-client.ts";
import { HandoverRun } from "./handover-model.ts";

const RUNS = Number(process.env["BELAY_HANDOVER_RUNS"] ?? 2_000);
const SEED = Number(process.env["BELAY_HANDOVER_SEED"] ?? 67_000_000);

test(
  "[HND5] [HND6] [HND7] in thousands of lives with late, doubled and swapped messages and any end dying at any step a client has one owner, and sees everything once",
  { timeout: 600_000 },
  () => {
    const counts: HandoverCounts = { moved: 0, stayed: 0, resumed: 0, fresh: 0, told: 0 };
    for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
      try {
        new HandoverRun(seed, counts).run();
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
    console.log(`${RUNS} runs:`, counts);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(RUNS / 20);
  },
);
