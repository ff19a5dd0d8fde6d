import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { contentKey, directoryParts } from "./content-key.ts";

const dir = mkdtempSync(join(tmpdir(), "belay-key-"));
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test("a changed byte, name or mode is another key; the order on disk is not", () => {
  const key = (): string => contentKey(directoryParts(dir));
  writeFileSync(join(dir, "b"), "2");
  writeFileSync(join(dir, "a"), "1");
  const before = key();
  writeFileSync(join(dir, "a"), "1");
  expect(key()).toBe(before);
  writeFileSync(join(dir, "a"), "x");
  const changed = key();
  writeFileSync(join(dir, "c"), "2");
  expect(new Set([before, changed, key()]).size).toBe(3);
});
