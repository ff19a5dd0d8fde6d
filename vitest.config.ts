import { defineConfig } from "vitest/config";

// Workspaces resolve to their sources, so that no build is needed before a test run.
const conditions = ["@belay/source"];

interface Kind {
  readonly name: string;
  readonly include: readonly string[];
  readonly timeoutMs: number;
  readonly nodeFlags?: readonly string[];
}

const kinds: readonly Kind[] = [
  {
    name: "unit",
    include: ["{*,examples/*}/src/**/*.test.ts", "e2e/cluster/**/*.test.ts", "scripts/*.test.ts"],
    timeoutMs: 10_000,
  },
  { name: "integration", include: ["{*,examples/*}/test/**/*.test.ts"], timeoutMs: 60_000 },
  // Against an API server without nodes, which the tests start themselves.
  { name: "contract", include: ["*/contract/**/*.test.ts"], timeoutMs: 120_000 },
  {
    name: "e2e",
    include: ["e2e/scenarios/**/*.test.ts"],
    timeoutMs: 300_000,
    // Thousands of clients share the cores with what they measure: room enough that none of their collections takes both for 100 ms.
    nodeFlags: ["--initial-old-space-size=4096", "--min-semi-space-size=64", "--max-semi-space-size=64"],
  },
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    reporters: ["default", "./scripts/closing-line.ts"],
    projects: kinds.map(({ name, include, timeoutMs, nodeFlags = [] }) => ({
      extends: true as const,
      test: {
        name,
        include: [...include],
        environment: "node" as const,
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        execArgv: [...nodeFlags],
        // One cluster, two cores: scenarios share them one after the other.
        fileParallelism: name !== "e2e" && name !== "contract",
      },
    })),
  },
});
