import type { Reporter, TestModule } from "vitest/node";

const LEFTOVERS_END_MS = 30_000;

/**
 * Prints `N passed, N failed, N skipped` alone on the last line, which build servers look for. A test that was given up may leave
 * a child process, for which its worker and then Vitest would wait for ever.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      if (module.state() === "failed" && module.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
      }
    }
    process.stdout.write(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    setTimeout(endAnyway, LEFTOVERS_END_MS).unref();
  }
}

function endAnyway(): void {
  process.stderr.write(`the tests left something that did not end within ${LEFTOVERS_END_MS / 1000} s\n`);
  process.exit(1);
}
