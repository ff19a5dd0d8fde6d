import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { say } from "./steps.ts";

const pollMs = 500;

function holder(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function tryLock(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(identify(process.pid)));
  // A link is exclusive and appears with its content: a holder killed at any moment leaves no empty lock.
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Holds a lock file while `work` runs; waits for another process that holds it. A dead holder's lock is taken over: its process
 * number with its start time tells that it is dead.
 */
export async function withLock<T>(file: string, what: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!tryLock(file)) {
    const other = holder(file);
    if (other !== undefined && !isAlive(other)) {
      takeAway(file, other);
      continue;
    }
    if (!told) say(`  …  ${what}: waits for process ${other?.pid ?? "?"}`);
    told = true;
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Of several that saw the holder dead only one can rename the file; what it took is looked at again before it goes. */
function takeAway(file: string, dead: ProcessIdentity): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const taken = holder(aside);
  if (taken !== undefined && (taken.pid !== dead.pid || taken.startTicks !== dead.startTicks)) renameSync(aside, file);
  else rmSync(aside, { force: true });
}
