import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../eventually.ts";
import { childrenOf, findProcesses, identify, isAlive, type ProcessIdentity, signal } from "./process-identity.ts";
import type { Outcome } from "./steps.ts";

/** In the environment of every daemon we start, so that one without a pidfile is still known as ours. */
const markName = "BELAY_CLUSTER_DAEMON";

/** A long-running process of a cluster. */
export interface Daemon {
  readonly name: string;
  readonly stateDir: string;
  readonly command: readonly string[];
  /** Files it reads at its start: when one of them has changed, the daemon is started anew. */
  readonly files?: readonly string[];
  /** Run inside the namespaces of this process. */
  readonly within?: ProcessIdentity;
  /** `command` forks and waits: the child is the daemon. */
  readonly forks?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

interface Pidfile extends ProcessIdentity {
  readonly fingerprint: string;
}

const stopPollMs = 20;
/** All of them are of Go. A collection takes both cores for tens of milliseconds from whatever is measured beside it; memory is not what lacks. */
const GOGC = "400";

export function logFile(stateDir: string, name: string): string {
  return `${stateDir}/log/${name}.log`;
}

function pidfile(stateDir: string, name: string): string {
  return `${stateDir}/pid/${name}`;
}

function fingerprint(daemon: Daemon): string {
  const hash = createHash("sha256").update(
    JSON.stringify([daemon.command, daemon.within?.pid, daemon.within?.startTicks]),
  );
  for (const file of daemon.files ?? []) hash.update(`\0${readFileSync(file, "utf8")}`);
  return hash.digest("hex");
}

/** The recorded process, if it still is that process. */
export function runningDaemon(stateDir: string, name: string): Pidfile | undefined {
  try {
    const recorded = JSON.parse(readFileSync(pidfile(stateDir, name), "utf8")) as Pidfile;
    return isAlive(recorded) ? recorded : undefined;
  } catch {
    return undefined;
  }
}

/** Starts a daemon unless the same one, with the same command and files, is running. */
export async function ensureDaemon(
  daemon: Daemon,
): Promise<{ readonly outcome: Outcome; readonly process: ProcessIdentity }> {
  const wanted = fingerprint(daemon);
  const running = runningDaemon(daemon.stateDir, daemon.name);
  if (running !== undefined && running.fingerprint === wanted) return { outcome: "unchanged", process: running };
  if (running !== undefined) await stopProcess(running);
  const started = await launch(daemon);
  const file = pidfile(daemon.stateDir, daemon.name);
  mkdirSync(`${daemon.stateDir}/pid`, { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify({ ...started, fingerprint: wanted } satisfies Pidfile));
  renameSync(`${file}.new`, file);
  return { outcome: "done", process: started };
}

async function launch(daemon: Daemon): Promise<ProcessIdentity> {
  mkdirSync(`${daemon.stateDir}/log`, { recursive: true });
  const inside =
    daemon.within === undefined ? [] : ["nsenter", `--target=${daemon.within.pid}`, "--net", "--mount", "--pid", "--"];
  const [program = "", ...args] = [...inside, ...daemon.command];
  const log = openSync(logFile(daemon.stateDir, daemon.name), "a");
  const child = spawn(program, args, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log],
    env: { PATH: process.env["PATH"], GOGC, ...daemon.env, [markName]: `${daemon.stateDir}/${daemon.name}` },
  });
  closeSync(log);
  // Rejects when there is no such program.
  await once(child, "spawn");
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${daemon.name}: spawned without a process number`);
  const forks = daemon.forks === true || daemon.within !== undefined;
  const { value } = await eventually(`${daemon.name} starts`, { withinMs: 5_000, everyMs: 10 }, () =>
    forks ? childrenOf(pid)[0] : identify(pid),
  );
  return value;
}

/** SIGTERM, and SIGKILL when that has not ended it within the patience. */
export async function stopProcess(target: ProcessIdentity, patienceMs = 5_000): Promise<void> {
  const started = performance.now();
  signal(target, "SIGTERM");
  while (isAlive(target)) {
    if (performance.now() - started > patienceMs) signal(target, "SIGKILL");
    await sleep(stopPollMs);
  }
}

export async function stopDaemon(stateDir: string, name: string, patienceMs?: number): Promise<Outcome> {
  const running = runningDaemon(stateDir, name);
  if (running !== undefined) await stopProcess(running, patienceMs);
  rmSync(pidfile(stateDir, name), { force: true });
  return running === undefined ? "unchanged" : "done";
}

export interface MarkedProcess extends ProcessIdentity {
  /** Of which daemon it is, or which started it. */
  readonly daemon: string;
  readonly command: string;
}

/**
 * Daemons of this cluster by the mark in their environment, whether or not a pidfile remembers them: an `up` that was killed
 * between starting a process and recording it leaves such a one.
 */
export function markedProcesses(stateDir: string): readonly MarkedProcess[] {
  const prefix = `${markName}=${stateDir}/`;
  return findProcesses(() => true).flatMap((found) => {
    try {
      const environment = readFileSync(`/proc/${found.pid}/environ`, "utf8").split("\0");
      const mark = environment.find((entry) => entry.startsWith(prefix));
      if (mark === undefined) return [];
      const command = readFileSync(`/proc/${found.pid}/comm`, "utf8").trim();
      return [{ ...found, daemon: mark.slice(prefix.length), command }];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}
