import type { ScriptServer, ServerCommands } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import type { Replicas } from "../redis/replicas.ts";
import { BrokerUnavailableError, type Position } from "./broker.ts";
import { ANNOUNCE_SCRIPT } from "./redis-channel-scripts.ts";

/** Keys with which every script of a channel begins, and the arguments for all its keys at a server. */
export interface PlaceCall {
  readonly keys: readonly string[];
  readonly args: (server: ScriptServer, keys: readonly string[]) => readonly (string | number)[];
}

export type PlaceMode = "fast" | "replicated" | "patient";

export interface PlaceRequest {
  readonly channel: string;
  readonly mode: PlaceMode;
  /** Run ids of the replicas that have everything; empty where nobody looked. */
  readonly confirmed: string;
  readonly ttlMs?: number;
  /** What is done where another process has written the partition. Default: `hold` where slots can move. */
  readonly foreign?: "hold" | "end";
}

export interface RedisAnnouncerOptions {
  readonly keys: RedisKeys;
  readonly replicas: Replicas;
  readonly place: (call: PlaceRequest) => PlaceCall;
}

/** A place that waits for the replicas. */
export interface AwaitedPlace {
  readonly channel: string;
  readonly position: Position;
  /** Where it was given: only that server's replicas matter. */
  readonly server: ServerCommands;
  /** Of the run that gave it. */
  readonly runId: string;
}

/** Lets publications out that wait for the replicas. */
export class RedisAnnouncer {
  readonly #options: RedisAnnouncerOptions;

  constructor(options: RedisAnnouncerOptions) {
    this.#options = options;
  }

  /**
   * Everything up to a place is on the replicas, and delivered. Another run than the one that gave the place may have given it to
   * something else. Rejects with BrokerUnavailableError.
   */
  async announce(place: AwaitedPlace): Promise<void> {
    const { replicas, keys } = this.#options;
    const { server, channel } = place;
    const first = await this.#try(place, "patient");
    if (first !== "wait") return assertDone(first);
    const isSettled = await replicas.areSettled(server, keys.replicated(channel));
    assertDone(await this.#try(place, isSettled ? "replicated" : "patient"));
  }

  async #try({ channel, position, server, runId }: AwaitedPlace, mode: PlaceMode): Promise<unknown> {
    const { replicas, place, keys } = this.#options;
    const confirmed = await replicas.confirmed(server, keys.replicated(channel));
    const call = place({ channel, mode, confirmed });
    const { offset, epoch } = position;
    const reply = await server.run(ANNOUNCE_SCRIPT, call.keys, (at) => {
      // Another connection since then may be to another server, where this place is somebody else's.
      if (at.runId !== runId) throw new BrokerUnavailableError("Redis is another one since the publication was made");
      return [...call.args(at, call.keys), keys.publications(channel), offset, epoch];
    });
    return Array.isArray(reply) ? (reply as readonly unknown[])[0] : undefined;
  }
}

function assertDone(status: unknown): void {
  if (status === "done") return;
  throw new BrokerUnavailableError(
    status === "wait" ? "a replica of Redis is missing" : "Redis lost what waited for its replicas",
  );
}
