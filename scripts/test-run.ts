/**
 * `make test`: Debian packages, `npm run check`, a cluster of its own, the end-to-end tests on it, and the cluster's end. Stops at
 * the first failure, but never without taking the cluster down. The last lines name the tests that failed and count those of all
 * runners.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { add, type Counts, formatCounts, isFailureLine, parseClosingLine } from "./closing-total.ts";

const cluster = "test";
const verbs = ["--conditions=@belay/source", "e2e/cluster/main.ts"];
let total: Counts = { passed: 0, failed: 0, skipped: 0 };
const durations: string[] = [];
const failures: string[] = [];
let running: ChildProcess | undefined;

class StageError extends Error {
  constructor(failed: string, code: string) {
    super(`${failed} ended with ${code}`);
    this.name = "StageError";
  }
}

interface Stage {
  readonly name: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Its output is for us, not for people. */
  readonly quiet?: boolean;
  readonly limitMinutes?: number;
}

/** A stage that takes longer hangs: it is better to fail than to be ended by a build server, which shows nothing. */
const LIMIT_MINUTES = 40;

/** Runs one stage; its output passes through, closing lines are counted. Resolves to what it printed. */
async function stage({
  name,
  command,
  env,
  quiet = false,
  limitMinutes = LIMIT_MINUTES,
}: Stage): Promise<readonly string[]> {
  const [program = "", ...args] = command;
  const started = performance.now();
  process.stderr.write(`\n== ${name}\n`);
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, CLUSTER: cluster, ...env },
    // A process group of its own, so that what it leaves ends with it and does not hold its output open.
    detached: true,
  });
  running = child;
  const limit = setTimeout(() => {
    process.stderr.write(`\n${name} takes longer than ${limitMinutes} minutes\n`);
    endGroup(child, "SIGTERM");
    setTimeout(endGroup, 10_000, child, "SIGKILL").unref();
  }, limitMinutes * 60_000);
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      endGroup(child, "SIGKILL");
      resolve(String(code ?? signal));
    });
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const counts = parseClosingLine(line);
    if (isFailureLine(line)) failures.push(line);
    if (counts !== undefined) total = add(total, counts);
    else if (!quiet) process.stdout.write(`${line}\n`);
  }
  const code = await ended;
  clearTimeout(limit);
  durations.push(`${name} ${Math.round((performance.now() - started) / 1000)} s`);
  if (code !== "0") throw new StageError(name, code);
  return lines;
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Nobody is left.
  }
}

function clusterStage(verb: string): Stage {
  return { name: `cluster ${cluster}: ${verb}`, command: [process.execPath, ...verbs, verb] };
}

/** The variables of `make env`, as a shell would read them. */
async function clusterEnvironment(): Promise<Record<string, string>> {
  const exports = await stage({ ...clusterStage("env"), quiet: true });
  const names = exports.flatMap((line) => /^export (\w+)=/.exec(line)?.[1] ?? []);
  const print = names.map((name) => `printf '%s\\n' "$${name}"`);
  const values = await stage({
    name: "its variables",
    command: ["sh", "-c", [...exports, ...print].join("\n")],
    quiet: true,
  });
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}

async function onCluster(): Promise<void> {
  await stage(clusterStage("down"));
  try {
    await stage(clusterStage("up"));
    const env = await clusterEnvironment();
    // They start an API server of their own, from the binaries that the cluster has brought.
    await stage({ name: "contract", command: ["npm", "run", "-s", "contract"], env });
    await stage({ name: "end to end", command: ["npm", "run", "-s", "e2e"], env });
  } finally {
    await stage(clusterStage("down"));
  }
}

// Ctrl-C ends the running stage; we stay to take the cluster down.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => running && endGroup(running, signal));
// The cluster of the shell we were started from is somebody's to play with.
delete process.env["KUBECONFIG"];
try {
  await stage(clusterStage("test-packages"));
  await stage({ name: "check", command: ["npm", "run", "check"] });
  await onCluster();
} catch (error) {
  process.stderr.write(`\nfailed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.stderr.write(`\n${durations.join(", ")}\n`);
// Once more, at the end: whoever reads a build server's log begins there.
for (const line of failures) process.stdout.write(`${line}\n`);
process.stdout.write(`${formatCounts(total)}\n`);
