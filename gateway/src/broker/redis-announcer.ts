import type { Clock } from "../clock.ts";
import type { CommandConnection } from "../redis/command-connection.ts";
import type { ReplicaConfirmation } from "../redis/replica-confirmation.ts";
import type { ReplicaProcesses } from "../redis/replica-processes.ts";
import { BrokerUnavailableError, type Position } from "./broker.ts";
import { ANNOUNCE_SCRIPT } from "./redis-channel-scripts.ts";

/** Keys and arguments with which every script of a channel begins. */
export interface PlaceCall {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

export type PlaceMode = "fast" | "replicated" | "patient";

export interface PlaceRequest {
  readonly channel: string;
  readonly mode: PlaceMode;
  /** Run ids of the replicas that have everything; empty where nobody looked. */
  readonly confirmed: string;
  /** The run as the caller knows it. */
  readonly runId: string;
  readonly ttlMs?: number;
}

export interface RedisAnnouncerOptions {
  readonly clock: Pick<Clock, "nowMs">;
  readonly commands: Pick<CommandConnection, "run" | "runIdOf">;
  readonly confirmation: ReplicaConfirmation;
  readonly processes: ReplicaProcesses;
  readonly place: (call: PlaceRequest) => PlaceCall;
  readonly publications: (channel: string) => string;
}

/** A place that waits for the replicas. */
export interface AwaitedPlace {
  readonly channel: string;
  readonly position: Position;
  /** Of the run that gave it. */
  readonly runId: string;
}

/** After a failover the other replicas turn to the new primary; a replica that is missing ends epochs only after this time, ms. */
const PATIENCE_MS = 5_000;

/** Lets publications out that wait for the replicas. */
export class RedisAnnouncer {
  readonly #options: RedisAnnouncerOptions;
  #connectedAtMs: number;

  constructor(options: RedisAnnouncerOptions) {
    this.#options = options;
    this.#connectedAtMs = options.clock.nowMs();
  }

  /** There is a new connection, maybe to another server. */
  reconnected(): void {
    this.#connectedAtMs = this.#options.clock.nowMs();
  }

  /**
   * Everything up to a place is on the replicas, and delivered. `runId` is the run that gave the place: another one may have given it
   * to something else. Rejects with BrokerUnavailableError.
   */
  async announce(place: AwaitedPlace): Promise<void> {
    const { confirmation, processes, clock } = this.#options;
    const first = await this.#try(place, "patient");
    if (first !== "wait") return assertDone(first);
    // What is known of a replica may be of the process that was there before: only fresh knowledge may end an epoch.
    const isKnown = await processes.learn(await confirmation.confirm());
    const isPatient = !isKnown || clock.nowMs() - this.#connectedAtMs < PATIENCE_MS;
    assertDone(await this.#try(place, isPatient ? "patient" : "replicated"));
  }

  async #try({ channel, position, runId }: AwaitedPlace, mode: PlaceMode): Promise<unknown> {
    const { commands, confirmation, processes, place, publications } = this.#options;
    const confirmed = await processes.runIdsOf(await confirmation.confirm());
    const { keys, args } = place({ channel, mode, confirmed, runId });
    const { offset, epoch } = position;
    // Another connection since then may be to another server, where this place is somebody else's.
    if (commands.runIdOf(keys[0] ?? "") !== runId)
      throw new BrokerUnavailableError("Redis is another one since the publication was made");
    const reply = await commands.run(ANNOUNCE_SCRIPT, keys, [...args, publications(channel), offset, epoch]);
    return Array.isArray(reply) ? (reply as readonly unknown[])[0] : undefined;
  }
}

function assertDone(status: unknown): void {
  if (status === "done") return;
  throw new BrokerUnavailableError(
    status === "wait" ? "a replica of Redis is missing" : "Redis lost what waited for its replicas",
  );
}
