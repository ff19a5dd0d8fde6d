import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Arguments, type ClientOptions, type Sdk, SdkCallError, type SdkClient, type SdkEvent } from "./sdk.ts";

interface Answer {
  readonly id?: number;
  readonly client?: string;
  readonly event?: SdkEvent;
  readonly result?: unknown;
  readonly error?: { readonly code: number | null; readonly message: string };
}

/** A Python program beside the test that holds clients of one SDK. */
export class PythonDriver implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #events = new Map<string, SdkEvent[]>();
  #calls = 0;
  #clients = 0;

  constructor(python: string, script: string, args: readonly string[] = []) {
    this.#child = spawn(python, ["-u", join(import.meta.dirname, "python", script), ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (this.#child.stdout === null) throw new Error("the driver's output must be piped");
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#onAnswer(JSON.parse(line) as Answer));
    this.#child.once("exit", () => this.#onExit());
  }

  async open(args: Arguments, closing = "disconnect"): Promise<SdkClient> {
    const client = `c${(this.#clients += 1)}`;
    const events: SdkEvent[] = [];
    this.#events.set(client, events);
    await this.#call(client, "open", args);
    return {
      events,
      call: (op, given) => this.#call(client, op, given),
      close: async () => void (await this.#call(client, closing, {})),
    };
  }

  async #call(client: string, op: string, args: Arguments): Promise<unknown> {
    const id = (this.#calls += 1);
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    this.#child.stdin?.write(`${JSON.stringify({ id, client, op, args })}\n`);
    const { error, result } = await promise;
    if (error !== undefined) throw new SdkCallError(op, error.message, error.code ?? undefined);
    return result;
  }

  #onAnswer(answer: Answer): void {
    const { id, client, event } = answer;
    if (client !== undefined && event !== undefined) this.#events.get(client)?.push(event);
    if (id === undefined) return;
    this.#waiting.get(id)?.(answer);
    this.#waiting.delete(id);
  }

  #onExit(): void {
    for (const resolve of this.#waiting.values()) resolve({ error: { code: null, message: "the driver has ended" } });
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.stdin?.end();
    this.#child.kill("SIGTERM");
    await gone;
  }
}

/** centrifuge-python over WebSocket, in one of the two forms of the protocol. */
export function pythonSdk(driver: PythonDriver, version: string, protocol: "JSON" | "Protobuf"): Sdk {
  return {
    name: `centrifuge-python ${version} · websocket, ${protocol}`,
    lacks: new Set(["batching", "messages", "first position", "delta statistics"]),
    open: ({ httpUrl, ...options }: ClientOptions) =>
      driver.open({ ...options, url: `${httpUrl.replace("http", "ws")}/connection/websocket` }),
  };
}
