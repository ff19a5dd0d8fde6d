import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Daemon,
  ensureDaemon,
  markedProcesses,
  runningDaemon,
  stopDaemon,
  stopProcess,
} from "../cluster/daemon.ts";
import { withLock } from "../cluster/lock.ts";
import { identify, isAlive } from "../cluster/process-identity.ts";

let stateDir: string;
let daemon: Daemon;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "belay-daemon-"));
  daemon = { name: "sleeper", stateDir, command: ["sleep", "600"] };
});

afterEach(async () => {
  for (const left of markedProcesses(stateDir)) await stopProcess(left);
  rmSync(stateDir, { recursive: true, force: true });
});

test("a daemon is started once, and again only when its command or a file of its changes", async () => {
  const first = await ensureDaemon(daemon);
  expect(await ensureDaemon(daemon)).toMatchObject({ outcome: "unchanged", process: { pid: first.process.pid } });

  const file = join(stateDir, "config");
  writeFileSync(file, "one");
  const second = await ensureDaemon({ ...daemon, files: [file] });
  expect(second.outcome).toBe("done");
  expect(isAlive(first.process)).toBe(false);
  writeFileSync(file, "two");
  expect((await ensureDaemon({ ...daemon, files: [file] })).outcome).toBe("done");
  expect(isAlive(second.process)).toBe(false);
});

test("a pidfile whose number belongs to another process now is nobody's: that process is not touched", async () => {
  await ensureDaemon(daemon);
  await stopDaemon(stateDir, "sleeper");
  const stranger = spawn("sleep", ["600"]);
  try {
    const seen = identify(stranger.pid ?? 0);
    writeFileSync(
      join(stateDir, "pid/sleeper"),
      JSON.stringify({ ...seen, startTicks: (seen?.startTicks ?? 0) - 1, fingerprint: "" }),
    );
    expect(runningDaemon(stateDir, "sleeper")).toBeUndefined();
    expect(await stopDaemon(stateDir, "sleeper")).toBe("unchanged");
    expect(seen !== undefined && isAlive(seen)).toBe(true);
  } finally {
    stranger.kill("SIGKILL");
  }
});

test("a daemon that no pidfile remembers is found by its mark", async () => {
  const { process: started } = await ensureDaemon(daemon);
  rmSync(join(stateDir, "pid/sleeper"));
  expect(markedProcesses(stateDir)).toEqual([{ ...started, daemon: "sleeper", command: "sleep" }]);
  expect(markedProcesses(`${stateDir}-other`)).toEqual([]);
});

test("a program that does not exist is an error that names it", async () => {
  await expect(ensureDaemon({ ...daemon, command: ["/nowhere/etcd"] })).rejects.toThrow(/\/nowhere\/etcd/);
});

test("a lock is held by one at a time, and taken over from a dead holder", async () => {
  const file = join(stateDir, "lock");
  const order: string[] = [];
  const work = (name: string) =>
    withLock(file, name, async () => {
      order.push(`${name} in`);
      await sleep(20);
      order.push(`${name} out`);
    });
  await Promise.all([work("a"), work("b")]);
  expect(order).toEqual(["a in", "a out", "b in", "b out"]);

  const dead = spawn("true");
  const identity = { pid: dead.pid, startTicks: 1 };
  writeFileSync(file, JSON.stringify(identity));
  await work("c");
  expect(order.slice(4)).toEqual(["c in", "c out"]);
  expect(() => readFileSync(file)).toThrow(/ENOENT/);
});
