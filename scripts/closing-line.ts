import type { Reporter, TestCase, TestModule } from "vitest/node";
import { failureLine } from "./closing-total.ts";

const LEFTOVERS_END_MS = 30_000;

/**
 * Prints a line for each test that failed, and `N passed, N failed, N skipped` alone on the last line, which build servers look
 * for: many show only the end of a long run. A test that was given up may leave a child process, for which its worker and then
 * Vitest would wait for ever.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      if (module.state() === "failed" && module.errors().length > 0) {
        count.failed += 1;
        print(failureLine(module.relativeModuleId, module.errors()[0]?.message));
      }
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
        if (state === "failed") print(lineOf(test, module));
      }
    }
    print(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    setTimeout(endAnyway, LEFTOVERS_END_MS).unref();
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function lineOf(test: TestCase, module: TestModule): string {
  return failureLine(`${module.relativeModuleId} > ${test.fullName}`, test.result().errors?.[0]?.message);
}

function endAnyway(): void {
  process.stderr.write(`the tests left something that did not end within ${LEFTOVERS_END_MS / 1000} s\n`);
  process.exit(1);
}
