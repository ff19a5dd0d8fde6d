import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "./free-port.ts";
import { RedisProcess } from "./redis-process.ts";

export interface RedisServerOptions {
  readonly password?: string;
  /** Keep the data over a restart: an append-only file, synced on every write. Default: everything is lost. */
  readonly persistent?: boolean;
  /** More of redis-server's own settings, `["--name", "value", …]`; `--port 0` among them turns the plain port off. */
  readonly settings?: readonly string[];
}

/** A real redis-server on a free port of 127.0.0.1 with a directory of its own. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** SIGTERM; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Again, on the same port. */
  start(): Promise<void>;
  /** SIGSTOP: sockets stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

/** Started inside a test it ends with that test; elsewhere whoever started it disposes of it. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await openRedis(options);
  await server.start();
  endWithTest(server);
  return server;
}

/** As `startRedis`, for who ends it in any case; not started. */
export async function openRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  return new LocalRedis(await freePort(), await mkdtemp(join(tmpdir(), "belay-redis-")), options);
}

/** Inside a test only; elsewhere whoever opened it disposes of it. */
export function endWithTest(disposable: AsyncDisposable): void {
  try {
    onTestFinished(() => disposable[Symbol.asyncDispose]());
  } catch {
    // Not inside a test.
  }
}

class LocalRedis implements RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #directory: string;
  readonly #process: RedisProcess;

  constructor(port: number, directory: string, { password, persistent, settings = [] }: RedisServerOptions) {
    this.port = port;
    this.#directory = directory;
    this.url = `redis://${password === undefined ? "" : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`;
    this.#process = new RedisProcess([
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      directory,
      "--save",
      "",
      ...(persistent === true ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]),
      ...(password === undefined ? [] : ["--requirepass", password]),
      ...settings,
    ]);
  }

  start(): Promise<void> {
    return this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.end("SIGTERM");
  }

  kill(): Promise<void> {
    return this.#process.end("SIGKILL");
  }

  pause(): void {
    this.#process.signal("SIGSTOP");
  }

  resume(): void {
    this.#process.signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
