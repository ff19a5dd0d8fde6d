import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** One redis-server process, or one life of it after another. */
export class RedisProcess {
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  constructor(args: readonly string[]) {
    this.#args = args;
  }

  /** Resolves when it accepts connections. */
  async start(): Promise<void> {
    const child = spawn("redis-server", [...this.#args], { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    // A test process that ends early must not leave a server behind.
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("exit", () => process.removeListener("exit", end));
    await ready(child);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Resolves when the process is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}

async function ready(child: ChildProcess): Promise<void> {
  if (child.stdout === null) throw new Error("redis-server has no output");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (/Ready to accept connections|Sentinel ID is/.test(line)) {
      child.stdout.resume();
      return;
    }
  }
  throw new Error(`redis-server did not start: ${lines.join("\n")}`);
}

const run = promisify(execFile);

/** What redis-cli prints; rejects where Redis answers with an error. */
export async function redisCli(port: number, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run("redis-cli", ["-e", "-p", String(port), ...args], { timeout: 30_000 });
  return stdout.trim();
}
