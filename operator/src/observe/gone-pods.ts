import { COMPONENT_LABEL } from "@belay/protocol/control";
import type { Clock } from "../clock.ts";
import type { PodObject } from "./objects.ts";
import { clusterKeyOf } from "./stores.ts";

/** Longer than a gateway's lease in the registry: what it held is swept by then without us. */
const FORGET_MS = 15_000;

/**
 * Gateway pods that have just gone: deleted, or ended for good. Forgotten with the process, which costs those that go meanwhile the
 * time of their lease.
 */
export class GonePods {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #gone = new Map<string, { readonly clusterKey: string; readonly atMs: number }>();

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** A change as the watch shows it; `after` is undefined where the object is gone. */
  see(before: PodObject | undefined, after: PodObject | undefined): void {
    if (before !== undefined && !isGone(before) && isGone(after)) this.#note(before);
  }

  /** Uids, sorted. */
  of(clusterKey: string): readonly string[] {
    const sinceMs = this.#clock.nowMs() - FORGET_MS;
    for (const [uid, { atMs }] of this.#gone) if (atMs < sinceMs) this.#gone.delete(uid);
    return [...this.#gone].flatMap(([uid, gone]) => (gone.clusterKey === clusterKey ? [uid] : [])).toSorted();
  }

  forget(podUids: readonly string[]): void {
    for (const uid of podUids) this.#gone.delete(uid);
  }

  #note(pod: PodObject): void {
    const { uid, labels } = pod.metadata;
    const clusterKey = clusterKeyOf(pod);
    if (uid === undefined || clusterKey === undefined || labels?.[COMPONENT_LABEL] !== "gateway") return;
    this.#gone.set(uid, { clusterKey, atMs: this.#clock.nowMs() });
  }
}

function isGone(pod: PodObject | undefined): boolean {
  return pod === undefined || pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
