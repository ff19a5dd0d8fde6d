import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** A command that ended with a code other than 0; `output` is the end of what it printed. */
export class CommandError extends Error {
  readonly output: readonly string[];

  constructor(command: readonly string[], code: string, output: readonly string[]) {
    super(`${command.join(" ")}: ended with ${code}`);
    this.name = "CommandError";
    this.output = output;
  }
}

export interface RunOptions {
  readonly input?: string;
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Each line as it is printed, on either stream. */
  readonly onLine?: (line: string) => void;
}

const keptLines = 40;

async function lines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) onLine(line);
}

/** Runs a command to its end and returns what it printed on its standard output; rejects with CommandError. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve(String(code ?? signal));
    });
  });
  // A command that does not read its input may be gone before we wrote it.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const stdout: string[] = [];
  const last: string[] = [];
  const note = (line: string): void => {
    last.push(line);
    if (last.length > keptLines) last.shift();
    options.onLine?.(line);
  };
  const [code] = await Promise.all([
    ended,
    lines(child.stdout, (line) => {
      stdout.push(line);
      note(line);
    }),
    lines(child.stderr, note),
  ]);
  if (code !== "0") throw new CommandError(command, code, last);
  return stdout.join("\n");
}

/** Whether a command ends with 0; its output is dropped. */
export async function succeeds(command: readonly string[]): Promise<boolean> {
  try {
    await run(command);
    return true;
  } catch {
    return false;
  }
}
