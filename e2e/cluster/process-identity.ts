import { readdirSync, readFileSync } from "node:fs";

/**
 * A process, for certain. The kernel gives a number again when its process has ended, but never with the same start time, so a
 * stale pidfile can name no stranger.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process: field 22 of /proc/PID/stat. */
  readonly startTicks: number;
}

/** Reads a line of /proc/PID/stat; `undefined` when it is none, or of a zombie, which has ended already. */
export function parseStat(stat: string): { readonly startTicks: number; readonly parent: number } | undefined {
  // The command name is in brackets and may itself hold brackets and blanks; fields count from behind its last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, parent] = fields;
  const startTicks = Number(fields[19]);
  if (state === undefined || state === "Z" || state === "X" || !Number.isFinite(startTicks)) return undefined;
  return { startTicks, parent: Number(parent) };
}

/** The rule that keeps strangers safe: only the very process that was recorded is ours. */
export function isSameProcess(recorded: ProcessIdentity, seen: ProcessIdentity | undefined): boolean {
  return seen?.pid === recorded.pid && seen.startTicks === recorded.startTicks;
}

export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return stat === undefined ? undefined : { pid, startTicks: stat.startTicks };
  } catch {
    return undefined;
  }
}

export function isAlive(recorded: ProcessIdentity): boolean {
  return isSameProcess(recorded, identify(recorded.pid));
}

/** The living processes that `accept` chooses. */
export function findProcesses(accept: (pid: number) => boolean): readonly ProcessIdentity[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry) && accept(Number(entry)))
    .map((entry) => identify(Number(entry)))
    .filter((found) => found !== undefined);
}

export function childrenOf(pid: number): readonly ProcessIdentity[] {
  return findProcesses((candidate) => {
    try {
      return parseStat(readFileSync(`/proc/${candidate}/stat`, "utf8"))?.parent === pid;
    } catch {
      return false;
    }
  });
}

/** Sends a signal, but never to another process that has got the number since. */
export function signal(recorded: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(recorded)) return;
  try {
    process.kill(recorded.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
