import type { RedisBounds } from "./redis-options.ts";
import type { RedisRuntime } from "./redis-runtime.ts";
import type { RedisScript } from "./redis-script.ts";

export type RedisArgument = string | number | Buffer;

/** Where a script is about to be sent. */
export interface ScriptServer {
  /** `<run id>:<replication id>`, as read last. */
  readonly runId: string;
  /** The slot is on its way there: keys may still be where it comes from. */
  readonly isAsking: boolean;
}

/** As a function they are made for the server that the script is sent to. */
export type ScriptArguments = readonly RedisArgument[] | ((server: ScriptServer) => readonly RedisArgument[]);

/** A script call or a plain command of a batch, whose first argument is its key. */
export type BatchCommand =
  | { readonly script: RedisScript; readonly key: string; readonly args: readonly (string | number)[] }
  | { readonly command: string; readonly args: readonly (string | number)[] };

export interface ScriptRequest {
  readonly script: RedisScript;
  readonly keys: readonly string[];
  readonly args: ScriptArguments;
  /** Strings of the reply as bytes. */
  readonly buffers?: boolean;
}

/** One call of a script, or one plain command. */
export type RedisRequest = ScriptRequest | { readonly command: string; readonly args: readonly RedisArgument[] };

export interface CommandOptions extends RedisRuntime {
  /** Shown by CLIENT LIST. */
  readonly name: string;
  readonly bounds: RedisBounds;
  /** On a cluster: `available` speaks of the shard that holds this key. Without it, of all shards. */
  readonly homeKey?: string;
  /** On a cluster: keys that name the server they were written on, and follow their slot to another one. */
  readonly runKeys?: readonly string[];
  /** Called when commands can be sent again, and when they no longer can. */
  readonly onAvailable: (available: boolean) => void;
  /** Commands reach a server again, or for the first time; `holds` says whether a key is there. */
  readonly onServer?: (holds: (key: string) => boolean) => void;
  /** A server is another process than before, or another one has taken its place: what was written there may be forgotten. */
  readonly onLoss?: () => void;
  /**
   * The answer of INFO (server, replication, memory, stats), at each connect and once a second. Without it INFO is read at connects
   * only.
   */
  readonly onInfo?: (info: string) => void;
}

/** The way to one server: nothing that is sent to it goes elsewhere. */
export interface ServerCommands extends Pick<CommandConnection, "run" | "runForBuffers" | "call"> {
  /** `<run id>:<replication id>`, as read last; empty before the first connect. */
  runIdOf(): string;
}

/** What `runKeys` are worth on a server that their slot came to. Runs are `<run id>:<replication id>`. */
export interface PartitionMoves {
  /** To be taken before a script is sent, for `served`. */
  mark(): number;
  /** A script that was sent after the mark found the key where that run is, and written under it. */
  served(key: string, run: string, mark: number): void;
  /**
   * A key names another run than that of its server, or none (empty) where its slot is on its way to: `again` when that may have been
   * mended, `end` when nobody can. Rejects with BrokerUnavailableError while keys of the slot are still on their way.
   */
  settle(key: string, run: string): Promise<"again" | "end">;
}

/**
 * The way commands go to Redis: one server, or the primaries of a cluster, each command to the one that holds its key. Every promise
 * rejects with BrokerUnavailableError: at once when that server is known to be down, else within two command time-outs.
 */
export interface CommandConnection {
  readonly available: boolean;
  /** Absent where no slot ever moves, and where no `runKeys` were given. */
  readonly moves?: PartitionMoves | undefined;
  open(): void;
  /** What Redis runs where the key is: `<run id>:<replication id>`, as read last; empty when that is not known. */
  runIdOf(key: string): string;
  /**
   * The server that holds a key now. `refusal` is what a server answered to a command for the key: who it names counts. Throws
   * BrokerUnavailableError where no server holds it.
   */
  serverOf(key: string, refusal?: unknown): ServerCommands;
  /** How often `onLoss` was to be called so far. */
  readonly losses: number;
  /** Whether commands reach the server that holds the key. */
  reaches(key: string): boolean;
  /** The keys are in one slot; the first decides where it goes. */
  run(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown>;
  /** As `run`, with every string of the reply as bytes. */
  runForBuffers(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown>;
  /** One plain command, whose first argument is its key; without one it goes where `homeKey` is. */
  call(command: string, ...args: readonly RedisArgument[]): Promise<unknown>;
  /** All commands in one write per server; resolves with their replies in order, rejects if any of them failed. */
  batch(commands: readonly BatchCommand[]): Promise<readonly unknown[]>;
  /** SPUBLISH, on a cluster also where the slot was a moment ago. Resolves with the connections reached. */
  publish(channel: string, payload: string | Buffer): Promise<number>;
  /**
   * False while the key's slot moves, and for a while afterwards: a script may then run where nobody is subscribed yet, and what it
   * published is to be published again.
   */
  isSettled(key: string): boolean;
  close(): void;
}
