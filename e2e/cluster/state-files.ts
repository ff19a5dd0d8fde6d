import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes what differs, each file whole or not at all; `true` when anything was written. */
export function writeFiles(files: Readonly<Record<string, string>>): boolean {
  let changed = false;
  for (const [path, text] of Object.entries(files)) {
    if (readText(path) === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    changed = true;
  }
  return changed;
}

export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
