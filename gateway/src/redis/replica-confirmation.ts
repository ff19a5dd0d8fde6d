import type { Clock } from "../clock.ts";
import type { ServerCommands } from "./command-connection.ts";

/** What Redis answers to ROLE, of a primary. */
export interface PrimaryRole {
  /** Bytes of its replication history. */
  readonly offset: number;
  /** `host:port` → bytes that it acknowledged. */
  readonly replicas: ReadonlyMap<string, number>;
}

/** Replicas by their addresses, `host:port`. */
export interface ReplicaReport {
  /** Those that have everything. */
  readonly confirmed: readonly string[];
  /** Those that follow and did not say so in time. */
  readonly late: readonly string[];
  /** One of those had everything a moment ago: it may only pause. */
  readonly mayCatchUp: boolean;
}

export interface ReplicaConfirmationOptions {
  readonly clock: Pick<Clock, "nowMs">;
  /** The primary. ROLE and WAIT have no key: they count on the very connection that wrote. */
  readonly server: Pick<ServerCommands, "call">;
  readonly onRound: (outcome: RoundOutcome) => void;
}

/** `complete`: all who follow have everything; `late`: some did not say so in time; `failed`: the primary did not answer. */
export type RoundOutcome = "complete" | "late" | "failed";

/** A replica that does not answer costs every publication of a tick this long, milliseconds; below the command time-out. */
const WAIT_MS = 400;
/** A replica that is late for less than this is waited for in every round, milliseconds: it forks, or its disk is busy. */
const PAUSE_MS = 2_000;
/** One that is late for longer is waited for again after this time, milliseconds. */
const SLOW_MS = 5_000;

/**
 * Learns which replicas of one server have everything that was written there before the question. All who ask while one round is
 * under way share the next one: one WAIT per round trip, however many publish.
 */
export class ReplicaConfirmation {
  readonly #options: ReplicaConfirmationOptions;
  readonly #lateSinceMs = new Map<string, number>();
  readonly #slowUntilMs = new Map<string, number>();
  #known: readonly string[] = [];
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<ReplicaReport> | undefined;
  /** Written by every round: WAIT counts what its own connection wrote, and whoever has this has all that came before. */
  #key: string | undefined;

  constructor(options: ReplicaConfirmationOptions) {
    this.#options = options;
  }

  /** `key` is one that this server holds. Rejects with BrokerUnavailableError. */
  confirm(key: string): Promise<ReplicaReport> {
    this.#next ??= this.#startAfter(this.#running, key);
    return this.#next;
  }

  async #startAfter(running: Promise<unknown>, key: string): Promise<ReplicaReport> {
    // A failed round is its own callers' matter. Also without one: those of this turn of the event loop come along.
    await running.catch(() => undefined);
    this.#next = undefined;
    const round = this.#ask(key);
    this.#running = round;
    return round;
  }

  async #ask(key: string): Promise<ReplicaReport> {
    // One key serves a whole server, until its slot moves away.
    const written = (this.#key ??= key);
    try {
      const first = await this.#askOnce(written);
      // A replica that is new here was not waited for.
      const report = first.isComplete ? first : await this.#askOnce(written);
      this.#options.onRound(report.late.length === 0 ? "complete" : "late");
      return report;
    } catch (error) {
      this.#key = undefined;
      this.#options.onRound("failed");
      throw error;
    }
  }

  async #askOnce(key: string): Promise<ReplicaReport & { readonly isComplete: boolean }> {
    const { server } = this.#options;
    const known = this.#known;
    const awaited = known.filter((address) => !this.#isSlow(address)).length;
    const replies = await Promise.all([
      server.call("SET", key, "1"),
      server.call("ROLE"),
      server.call("WAIT", awaited, WAIT_MS),
      server.call("ROLE"),
    ]);
    const after = primaryRole(replies[3]);
    const confirmed = confirmedReplicas(primaryRole(replies[1]), Number(replies[2]), after);
    this.#known = [...after.replicas.keys()];
    const late = this.#known.filter((address) => !confirmed.includes(address));
    this.#note(
      confirmed,
      late.filter((address) => known.includes(address)),
    );
    const mayCatchUp = late.some((address) => this.#lateForMs(address) < PAUSE_MS);
    return { confirmed, late, mayCatchUp, isComplete: late.every((address) => known.includes(address)) };
  }

  #note(confirmed: readonly string[], late: readonly string[]): void {
    const nowMs = this.#options.clock.nowMs();
    for (const noted of [this.#lateSinceMs, this.#slowUntilMs])
      for (const address of noted.keys())
        if (confirmed.includes(address) || !this.#known.includes(address)) noted.delete(address);
    for (const address of late) {
      this.#lateSinceMs.set(address, this.#lateSinceMs.get(address) ?? nowMs);
      if (this.#lateForMs(address) >= PAUSE_MS && !this.#isSlow(address))
        this.#slowUntilMs.set(address, nowMs + SLOW_MS);
    }
  }

  #lateForMs(address: string): number {
    const nowMs = this.#options.clock.nowMs();
    return nowMs - (this.#lateSinceMs.get(address) ?? nowMs);
  }

  #isSlow(address: string): boolean {
    return (this.#slowUntilMs.get(address) ?? 0) > this.#options.clock.nowMs();
  }
}

/**
 * Who has everything that was written before `before`. Where as many acknowledged as there are, all did; else those whose
 * acknowledgement is past that point.
 */
export function confirmedReplicas(before: PrimaryRole, count: number, after: PrimaryRole): readonly string[] {
  const isAll = count >= after.replicas.size;
  const offsets = [...after.replicas];
  return offsets.filter(([, offset]) => (isAll ? offset > 0 : offset >= before.offset)).map(([address]) => address);
}

/** Anything but a primary's answer has no replicas. */
export function primaryRole(reply: unknown): PrimaryRole {
  const replicas = new Map<string, number>();
  if (!Array.isArray(reply) || reply[0] !== "master" || !Array.isArray(reply[2])) return { offset: 0, replicas };
  for (const each of reply[2] as readonly unknown[]) {
    if (Array.isArray(each)) replicas.set(`${String(each[0])}:${String(each[1])}`, Number(each[2]));
  }
  return { offset: Number(reply[1]), replicas };
}
