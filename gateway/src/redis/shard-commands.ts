import { Command, type Redis } from "ioredis";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type {
  BatchCommand,
  CommandConnection,
  CommandOptions,
  RedisArgument,
  RedisRequest,
  ScriptArguments,
  ScriptRequest,
  ScriptServer,
  ServerCommands,
} from "./command-connection.ts";
import { createRedis, dropSocket } from "./redis-options.ts";
import { redactedError } from "./redis-runtime.ts";
import type { RedisScript } from "./redis-script.ts";
import { describeTarget, type RedisTarget } from "./redis-topology.ts";

export interface ShardCommandsOptions extends Omit<CommandOptions, "homeKey"> {
  readonly target: RedisTarget;
}

/** Unanswered pings in a row after which the socket itself is given up. */
const PINGS_BEFORE_REBUILD = 3;
/** A primary can be demoted and promoted again without this connection breaking; its replication id tells. */
const INFO_INTERVAL_MS = 1_000;
const INFO_SECTIONS = ["server", "replication", "memory", "stats"];

/**
 * A connection to one server that is either available or fails at once. A command that times out makes it unavailable until a
 * ping is answered, so that a Redis that hangs costs each caller at most one or two time-outs and the later ones nothing.
 */
export class ShardCommands implements CommandConnection {
  readonly #options: ShardCommandsOptions;
  readonly #redis: Redis;
  #available = false;
  #closed = false;
  #lostLogged = false;
  #missedPings = 0;
  #pingTimer: NodeJS.Timeout | undefined;
  #infoTimer: NodeJS.Timeout | undefined;
  #runId = "";
  #losses = 0;
  /** Scripts that this server process has, as far as is known. */
  readonly #loaded = new Set<string>();
  #reason = "connection closed";

  constructor(options: ShardCommandsOptions) {
    this.#options = options;
    this.#redis = createRedis({ ...options, pipelined: true, isClosed: () => this.#closed });
    this.#redis.on("ready", () => void this.#examine());
    this.#redis.on("close", () => this.#lose(this.#reason));
    // An error is always followed by a close; without a listener ioredis would print it.
    this.#redis.on("error", (error: Error) => (this.#reason = error.message));
  }

  get available(): boolean {
    return this.#available;
  }

  open(): void {
    // Failed attempts show as `error` and `close` events and are repeated by ioredis.
    this.#redis.connect().catch(() => undefined);
  }

  /** One process has all keys: `<run id>:<replication id>`, as read last. */
  runIdOf(): string {
    return this.#runId;
  }

  get losses(): number {
    return this.#losses;
  }

  reaches(): boolean {
    return this.#available;
  }

  serverOf(): ServerCommands {
    return this;
  }

  run(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown> {
    return this.send({ script, keys, args });
  }

  runForBuffers(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown> {
    return this.send({ script, keys, args, buffers: true });
  }

  call(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.send({ command, args });
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    return Number(await this.send({ command: "SPUBLISH", args: [channel, payload] }));
  }

  /** No slot ever moves. */
  isSettled(): boolean {
    return true;
  }

  /** `asking`: after ASKING, for a slot that is on its way to this server. The cause of a rejection has the server's words. */
  async send(request: RedisRequest, asking = false): Promise<unknown> {
    this.#assertAvailable();
    try {
      if ("command" in request) return await this.#perform(request.command, request.args, { asking, buffers: false });
      const { script, buffers = false } = request;
      const rest = (): readonly RedisArgument[] => scriptArguments(request, { runId: this.#runId, isAsking: asking });
      try {
        return await this.#perform("evalsha", [script.sha, ...rest()], { asking, buffers });
      } catch (error) {
        if (!isNoScript(error)) throw error;
        return await this.#perform("eval", [script.source, ...rest()], { asking, buffers });
      }
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  async batch(commands: readonly BatchCommand[]): Promise<readonly unknown[]> {
    const outcomes = await this.outcomes(commands);
    for (const outcome of outcomes) if (outcome instanceof Error) throw outcome;
    return outcomes;
  }

  /** As `batch`, with a BrokerUnavailableError in the place of each command that failed; still rejects where none was answered. */
  async outcomes(commands: readonly BatchCommand[]): Promise<readonly unknown[]> {
    if (commands.length === 0) return [];
    this.#assertAvailable();
    try {
      let results = await this.#exec(commands);
      if (results.some(([error]) => isNoScript(error))) {
        // Every batch can be repeated as a whole: that is what its scripts are made for.
        this.#loaded.clear();
        results = await this.#exec(commands);
      }
      return results.map(([error, reply]) => (error === null ? reply : this.#unavailable(error)));
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#infoTimer);
    this.#available = false;
    this.#redis.disconnect();
  }

  #perform(
    name: string,
    args: readonly RedisArgument[],
    { asking, buffers }: { readonly asking: boolean; readonly buffers: boolean },
  ): Promise<unknown> {
    // The common way: commands of one turn share a write.
    if (!asking && !buffers) return this.#redis.call(name, ...args);
    if (!asking) {
      return this.#redis.sendCommand(new Command(name, [...args], { replyEncoding: null })) as Promise<unknown>;
    }
    const sent = this.#redis.pipeline().call("ASKING");
    return (buffers ? sent.callBuffer(name, ...args) : sent.call(name, ...args))
      .exec()
      .then((results) => replyOf(results?.[1] ?? [new Error("no reply"), undefined]));
  }

  async #exec(commands: readonly BatchCommand[]): Promise<readonly PipelineResult[]> {
    for (const script of scriptsOf(commands)) {
      if (this.#loaded.has(script.sha)) continue;
      await this.#redis.script("LOAD", script.source);
      this.#loaded.add(script.sha);
    }
    const pipeline = this.#redis.pipeline();
    for (const each of commands) {
      if ("script" in each) pipeline.evalsha(each.script.sha, 1, each.key, ...each.args);
      else pipeline.call(each.command, ...each.args);
    }
    return (await pipeline.exec()) ?? [];
  }

  #assertAvailable(): void {
    if (!this.#available) throw new BrokerUnavailableError("Redis is not reachable");
  }

  #unavailable(error: unknown): BrokerUnavailableError {
    // The caller would not have the script run there.
    if (error instanceof BrokerUnavailableError) return error;
    if (error instanceof Error && error.message === "Command timed out") this.#suspect();
    return new BrokerUnavailableError("Redis did not carry out a command", { cause: redactedError(error) });
  }

  /** Connected: learn which process this is before anything else is sent. */
  async #examine(): Promise<void> {
    try {
      await this.#readInfo();
      this.#gain();
    } catch {
      dropSocket(this.#redis);
    }
  }

  async #readInfo(): Promise<void> {
    const info = await this.#redis.info(...INFO_SECTIONS);
    const [former] = this.#runId.split(":");
    this.#runId = runOf(info);
    if (former !== "" && former !== this.#runId.split(":")[0]) {
      this.#losses += 1;
      this.#options.onLoss?.();
    }
    this.#options.onInfo?.(info);
  }

  #armInfo(): void {
    if (this.#options.onInfo === undefined) return;
    clearTimeout(this.#infoTimer);
    this.#infoTimer = setTimeout(() => void this.#readInfoAgain(), INFO_INTERVAL_MS);
  }

  async #readInfoAgain(): Promise<void> {
    if (!this.#available) return;
    try {
      await this.#readInfo();
      if (this.#available) this.#armInfo();
    } catch (error) {
      this.#unavailable(error);
    }
  }

  #gain(): void {
    if (this.#closed || this.#available) return;
    this.#missedPings = 0;
    this.#available = true;
    this.#armInfo();
    if (this.#lostLogged) this.#options.log.info(this.#fields(), "Redis is reachable again");
    this.#lostLogged = false;
    this.#options.onAvailable(true);
    this.#options.onServer?.(() => true);
  }

  #lose(reason: string): void {
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#infoTimer);
    this.#pingTimer = undefined;
    this.#loaded.clear();
    if (this.#closed) return;
    if (!this.#lostLogged) this.#options.log.warn({ ...this.#fields(), reason }, "Redis is not reachable");
    this.#lostLogged = true;
    if (!this.#available) return;
    this.#available = false;
    this.#options.onAvailable(false);
  }

  #suspect(): void {
    if (!this.#available) return;
    this.#lose("no answer in time");
    this.#missedPings = 0;
    void this.#ping();
  }

  async #ping(): Promise<void> {
    if (this.#closed || this.#redis.status !== "ready") return;
    try {
      await this.#redis.ping();
      this.#gain();
    } catch {
      this.#missedPings += 1;
      if (this.#missedPings >= PINGS_BEFORE_REBUILD) return dropSocket(this.#redis);
      this.#pingTimer = setTimeout(() => void this.#ping(), 50);
    }
  }

  #fields(): { readonly redis: string; readonly connection: string } {
    return { redis: describeTarget(this.#options.target), connection: this.#options.name };
  }
}

/** `<run id>:<replication id>` in an answer of INFO. */
export function runOf(info: string): string {
  const run = /run_id:(\w+)/.exec(info)?.[1] ?? "";
  const replication = /master_replid:(\w+)/.exec(info)?.[1] ?? "";
  return `${run}:${replication}`;
}

type PipelineResult = readonly [error: Error | null, reply: unknown];

function replyOf([error, reply]: PipelineResult): unknown {
  if (error !== null) throw error;
  return reply;
}

function scriptArguments({ script, keys, args }: ScriptRequest, server: ScriptServer): readonly RedisArgument[] {
  const made = typeof args === "function" ? args(server) : args;
  if (!server.isAsking || !script.takesKeysAsArguments) return [keys.length, ...keys, ...made];
  return [1, ...keys.slice(0, 1), ...made, ...keys.slice(1)];
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

function scriptsOf(commands: readonly BatchCommand[]): ReadonlySet<RedisScript> {
  return new Set(commands.flatMap((each) => ("script" in each ? [each.script] : [])));
}
