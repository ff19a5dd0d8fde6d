import { Command, type Redis } from "ioredis";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { createRedis, type RedisBounds } from "./redis-options.ts";
import { redactedError, type RedisRuntime } from "./redis-runtime.ts";
import type { RedisScript } from "./redis-script.ts";
import { describeRedis, type RedisAddress } from "./redis-url.ts";

export interface CommandConnectionOptions extends RedisRuntime {
  readonly address: RedisAddress;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly bounds: RedisBounds;
  /** Called when commands can be sent again, and when they no longer can. */
  readonly onAvailable: (available: boolean) => void;
  /** The answer of INFO (server, replication, memory, stats), at each connect and once a second. Without it INFO is read at connects only. */
  readonly onInfo?: (info: string) => void;
}

/** A script call or a plain command of a batch. */
export type BatchCommand =
  | { readonly script: RedisScript; readonly key: string; readonly args: readonly (string | number)[] }
  | { readonly command: string; readonly args: readonly (string | number)[] };

/** Unanswered pings in a row after which the socket itself is given up. */
const PINGS_BEFORE_REBUILD = 3;
/** A primary can be demoted and promoted again without this connection breaking; its replication id tells. */
const INFO_INTERVAL_MS = 1_000;
const INFO_SECTIONS = ["server", "replication", "memory", "stats"];

/**
 * A connection for commands that is either available or fails at once. A command that times out makes it unavailable until a
 * ping is answered, so that a Redis that hangs costs each caller at most one or two time-outs and the later ones nothing.
 */
export class CommandConnection {
  readonly #options: CommandConnectionOptions;
  readonly #redis: Redis;
  #available = false;
  #closed = false;
  #lostLogged = false;
  #missedPings = 0;
  #pingTimer: NodeJS.Timeout | undefined;
  #infoTimer: NodeJS.Timeout | undefined;
  #runId = "";
  /** Scripts that this server process has, as far as is known. */
  readonly #loaded = new Set<string>();
  #reason = "connection closed";

  constructor(options: CommandConnectionOptions) {
    this.#options = options;
    this.#redis = createRedis({ ...options, pipelined: true });
    this.#redis.on("ready", () => void this.#examine());
    this.#redis.on("close", () => this.#lose(this.#reason));
    // An error is always followed by a close; without a listener ioredis would print it.
    this.#redis.on("error", (error: Error) => (this.#reason = error.message));
  }

  get available(): boolean {
    return this.#available;
  }

  /** What Redis runs behind this connection: `<run id>:<replication id>`, as read last. */
  get runId(): string {
    return this.#runId;
  }

  open(): void {
    // Failed attempts show as `error` and `close` events and are repeated by ioredis.
    this.#redis.connect().catch(() => undefined);
  }

  /** Rejects with BrokerUnavailableError: at once when known to be down, else within two command time-outs. */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    this.#assertAvailable();
    try {
      return await this.#evalsha(script, keys, args);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** As `run`, with every string of the reply as bytes. */
  async runForBuffers(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    this.#assertAvailable();
    const rest = [keys.length, ...keys, ...args];
    const send = (name: string, text: string): Promise<unknown> =>
      this.#redis.sendCommand(new Command(name, [text, ...rest], { replyEncoding: null })) as Promise<unknown>;
    try {
      return await send("evalsha", script.sha).catch((error: unknown) => {
        if (!isNoScript(error)) throw error;
        return send("eval", script.source);
      });
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** One plain command. */
  async call(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown> {
    this.#assertAvailable();
    try {
      return await this.#redis.call(command, ...args);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** All commands in one write; resolves with their replies in order, rejects if any of them failed. */
  async batch(commands: readonly BatchCommand[]): Promise<readonly unknown[]> {
    if (commands.length === 0) return [];
    this.#assertAvailable();
    try {
      return await this.#exec(commands);
    } catch (error) {
      if (!isNoScript(error)) throw this.#unavailable(error);
    }
    try {
      // Every batch can be repeated as a whole: that is what its scripts are made for.
      this.#loaded.clear();
      return await this.#exec(commands);
    } catch (error) {
      throw this.#unavailable(error);
    }
  }

  /** Drops the socket; ioredis connects anew and resolves the name again. */
  rebuild(): void {
    if (this.#redis.status === "ready") this.#redis.stream.destroy();
    else this.#redis.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#pingTimer);
    clearTimeout(this.#infoTimer);
    this.#available = false;
    this.#redis.disconnect();
  }

  async #evalsha(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    try {
      return await this.#redis.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isNoScript(error)) throw error;
      return this.#redis.eval(script.source, keys.length, ...keys, ...args);
    }
  }

  async #exec(commands: readonly BatchCommand[]): Promise<readonly unknown[]> {
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
    const results = (await pipeline.exec()) ?? [];
    return results.map(([error, reply]) => {
      if (error !== null) throw error;
      return reply;
    });
  }

  #assertAvailable(): void {
    if (!this.#available) throw new BrokerUnavailableError("Redis is not reachable");
  }

  #unavailable(error: unknown): BrokerUnavailableError {
    if (error instanceof Error && error.message === "Command timed out") this.#suspect();
    return new BrokerUnavailableError("Redis did not carry out a command", { cause: redactedError(error) });
  }

  /** Connected: learn which process this is before anything else is sent. */
  async #examine(): Promise<void> {
    try {
      await this.#readInfo();
      this.#gain();
    } catch {
      this.rebuild();
    }
  }

  async #readInfo(): Promise<void> {
    const info = await this.#redis.info(...INFO_SECTIONS);
    const run = /run_id:(\w+)/.exec(info)?.[1] ?? "";
    const replication = /master_replid:(\w+)/.exec(info)?.[1] ?? "";
    this.#runId = `${run}:${replication}`;
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
      if (this.#missedPings >= PINGS_BEFORE_REBUILD) return this.rebuild();
      this.#pingTimer = setTimeout(() => void this.#ping(), 50);
    }
  }

  #fields(): { readonly redis: string; readonly connection: string } {
    return { redis: describeRedis(this.#options.address), connection: this.#options.name };
  }
}

function isNoScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

function scriptsOf(commands: readonly BatchCommand[]): ReadonlySet<RedisScript> {
  return new Set(commands.flatMap((each) => ("script" in each ? [each.script] : [])));
}
