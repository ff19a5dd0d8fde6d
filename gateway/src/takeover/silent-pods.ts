/** Times without an answer after which a pod counts as gone: one may be a moment in which it did nothing else. */
const SILENCES = 2;
const FORGET_MS = 10_000;

interface Silence {
  readonly times: number;
  readonly sinceMs: number;
}

/** Pods that do not answer: the clients of one that was killed come all at once, and must not all wait for it. */
export class SilentPods {
  readonly #silences = new Map<string, Silence>();

  /** `nowMs`: of any clock that does not jump. */
  isSilent(podUid: string, nowMs: number): boolean {
    const silence = this.#silences.get(podUid);
    if (silence === undefined) return false;
    if (nowMs - silence.sinceMs < FORGET_MS) return silence.times >= SILENCES;
    this.#silences.delete(podUid);
    return false;
  }

  note(podUid: string, hasAnswered: boolean, nowMs: number): void {
    if (hasAnswered) this.#silences.delete(podUid);
    else this.#silences.set(podUid, { times: (this.#silences.get(podUid)?.times ?? 0) + 1, sinceMs: nowMs });
  }
}
