import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Clock } from "../clock.ts";
import type { ServerCommands } from "./command-connection.ts";
import { ReplicaConfirmation, type RoundOutcome } from "./replica-confirmation.ts";
import { ReplicaProcesses } from "./replica-processes.ts";
import { ReplicaWatch } from "./replica-watch.ts";

export interface ReplicasOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** Run id of the server at `host:port`. */
  readonly readRunId: (endpoint: string) => Promise<string>;
  /** A replica at `host:port` cannot be asked for its run id; told once until it can. */
  readonly onUnknown: (endpoint: string) => void;
  /** A server's replicas were asked. */
  readonly onRound?: ((outcome: RoundOutcome) => void) | undefined;
}

/** After a failover the other replicas turn to the new primary; a replica that is missing ends epochs only after this time, ms. */
const PATIENCE_MS = 5_000;

interface ServerReplicas {
  readonly confirmation: ReplicaConfirmation;
  readonly processes: ReplicaProcesses;
  runId: string;
  sinceMs: number;
}

/** Who follows each server, and has everything: a round of its own for each, shared by all who ask meanwhile. */
export class Replicas {
  readonly #options: ReplicasOptions;
  readonly #servers = new WeakMap<ServerCommands, ServerReplicas>();
  readonly #watch = new ReplicaWatch();
  #connectedAtMs: number;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#connectedAtMs = options.clock.nowMs();
  }

  /** There is a new connection, maybe to another server. */
  reconnected(): void {
    this.#connectedAtMs = this.#options.clock.nowMs();
  }

  /**
   * Run ids of the replicas that have everything that was written to the server before, as the scripts want them: `,a,b,`. `key` is
   * one that it holds. Rejects with BrokerUnavailableError.
   */
  async confirmed(server: ServerCommands, key: string): Promise<string> {
    const { confirmation, processes } = this.#of(server);
    return processes.runIdsOf((await confirmation.confirm(key)).confirmed);
  }

  /**
   * Whether who is missing now is missing indeed. What is known of a replica may be of the process that was there before, so those
   * that have everything are asked anew who they are; others may be on their way to a new primary, or only pause.
   */
  async areSettled(server: ServerCommands, key: string): Promise<boolean> {
    const { confirmation, processes, sinceMs } = this.#of(server);
    const { confirmed, mayCatchUp } = await confirmation.confirm(key);
    const isKnown = await processes.learn(confirmed);
    const isYoung = this.#options.clock.nowMs() - Math.max(this.#connectedAtMs, sinceMs) < PATIENCE_MS;
    return isKnown && !mayCatchUp && !isYoung;
  }

  /**
   * Resolves once every replica that was there lately has everything that was written to the server before. Rejects with
   * BrokerUnavailableError.
   */
  async secure(server: ServerCommands, key: string): Promise<void> {
    if (await this.#isComplete(server, key)) return;
    // What is known of a replica may be of the process that was there before.
    const { confirmation, processes } = this.#of(server);
    await processes.learn((await confirmation.confirm(key)).confirmed);
    if (!(await this.#isComplete(server, key))) throw new BrokerUnavailableError("a replica of Redis is missing");
  }

  async #isComplete(server: ServerCommands, key: string): Promise<boolean> {
    const { confirmation, processes } = this.#of(server);
    const { confirmed, late } = await confirmation.confirm(key);
    await processes.runIdsOf(confirmed);
    const known = (address: string): { address: string; runId: string | undefined } => ({
      address,
      runId: processes.runIdOf(address),
    });
    const [primary = ""] = server.runIdOf().split(":");
    const report = { primary, confirmed: confirmed.map(known), late: late.map(known) };
    return this.#watch.isComplete(report, this.#options.clock.nowMs());
  }

  #of(server: ServerCommands): ServerReplicas {
    const known = this.#servers.get(server) ?? this.#add(server);
    const runId = server.runIdOf();
    if (known.runId !== runId) Object.assign(known, { runId, sinceMs: this.#options.clock.nowMs() });
    return known;
  }

  #add(server: ServerCommands): ServerReplicas {
    const { clock, readRunId, onUnknown, onRound } = this.#options;
    const added = {
      confirmation: new ReplicaConfirmation({ clock, server, onRound: (outcome) => onRound?.(outcome) }),
      processes: new ReplicaProcesses({ clock, readRunId, onUnknown }),
      runId: "",
      sinceMs: 0,
    };
    this.#servers.set(server, added);
    return added;
  }
}
