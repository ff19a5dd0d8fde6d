import type { Clock } from "../clock.ts";
import { Lease, type LeaseReply } from "./lease.ts";
import { GRANTED, type Quota, type QuotaSubject, type QuotaVerdict } from "./quota.ts";
import type { BucketRate } from "./token-bucket.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** The buckets that all pods share. Rejects in bounded time while they cannot be reached. */
export interface TokenStore {
  lease(subject: QuotaSubject, want: number, rate: BucketRate): Promise<LeaseReply>;
}

export interface LeasedQuotaOptions {
  readonly store: TokenStore;
  readonly clock: Pick<Clock, "nowMs">;
  /** For metrics: the store was asked. */
  readonly onCall: (outcome: "ok" | "failed") => void;
}

/** Subjects remembered; the oldest is forgotten first, and leases anew. */
const MAX_SUBJECTS = 100_000;
/** After a failed call this pod counts alone for a while, milliseconds. */
const ALONE_MS = 500;

interface Holder {
  readonly subject: QuotaSubject;
  readonly lease: Lease;
  readonly waiting: ((verdict: QuotaVerdict) => void)[];
  rate: BucketRate;
}

/**
 * Rates of the cluster, paid from buckets that all pods share (QU1–QU5). While those are away every pod counts for itself with the
 * same rate: nobody is refused for that, and nobody gets more than pods × rate.
 */
export class LeasedQuota implements Quota {
  readonly #options: LeasedQuotaOptions;
  readonly #holders = new Map<string, Holder>();
  readonly #alone = new TokenBuckets(MAX_SUBJECTS);
  #aloneUntilMs = 0;

  constructor(options: LeasedQuotaOptions) {
    this.#options = options;
  }

  take(subject: QuotaSubject, rate: BucketRate): QuotaVerdict | Promise<QuotaVerdict> {
    const nowMs = this.#options.clock.nowMs();
    const holder = this.#holder(subject, nowMs, rate);
    // Nobody overtakes who waits.
    if (holder.waiting.length === 0) {
      const verdict = this.#decide(holder, nowMs);
      if (verdict !== "wait") {
        if (verdict.isGranted) this.#askFor(holder, nowMs);
        return verdict;
      }
    }
    const { promise, resolve } = Promise.withResolvers<QuotaVerdict>();
    holder.waiting.push(resolve);
    this.#askFor(holder, nowMs);
    return promise;
  }

  #decide({ lease, subject, rate }: Holder, nowMs: number): QuotaVerdict | "wait" {
    const taken = lease.take(nowMs);
    if (taken === "granted") return GRANTED;
    if (taken === "refused") return { isGranted: false, retryAfterMs: lease.retryAfterMs(nowMs) };
    return nowMs < this.#aloneUntilMs ? this.#decideAlone(subject, nowMs, rate) : "wait";
  }

  #decideAlone(subject: QuotaSubject, nowMs: number, rate: BucketRate): QuotaVerdict {
    const name = nameOf(subject);
    if (this.#alone.take(name, nowMs, rate)) return GRANTED;
    return { isGranted: false, retryAfterMs: this.#alone.waitMs(name, nowMs, rate) };
  }

  #askFor(holder: Holder, nowMs: number): void {
    if (nowMs < this.#aloneUntilMs) return;
    const { lease, waiting, rate } = holder;
    const want = lease.wanted(nowMs, waiting.length, rate);
    if (want === 0) return;
    lease.asked(nowMs, want);
    void this.#ask(holder, want);
  }

  async #ask(holder: Holder, want: number): Promise<void> {
    const { store, clock, onCall } = this.#options;
    try {
      const reply = await store.lease(holder.subject, want, holder.rate);
      onCall("ok");
      holder.lease.granted(clock.nowMs(), reply, holder.rate);
    } catch {
      // Whoever keeps the connection logs the outage once.
      onCall("failed");
      holder.lease.failed();
      this.#aloneUntilMs = clock.nowMs() + ALONE_MS;
    }
    this.#settle(holder);
  }

  #settle(holder: Holder): void {
    const nowMs = this.#options.clock.nowMs();
    const { waiting } = holder;
    let answered = 0;
    for (const resolve of waiting) {
      const verdict = this.#decide(holder, nowMs);
      if (verdict === "wait") break;
      resolve(verdict);
      answered += 1;
    }
    waiting.splice(0, answered);
    if (waiting.length > 0) this.#askFor(holder, nowMs);
  }

  #holder(subject: QuotaSubject, nowMs: number, rate: BucketRate): Holder {
    const name = nameOf(subject);
    const known = this.#holders.get(name);
    if (known !== undefined) {
      known.rate = rate;
      return known;
    }
    this.#forgetOldest(nowMs);
    this.#forgetOldest(nowMs);
    const made = { subject, lease: new Lease(), waiting: [], rate };
    this.#holders.set(name, made);
    return made;
  }

  /** The oldest goes when it is idle or there are too many, else to the end of the line. */
  #forgetOldest(nowMs: number): void {
    const oldest = this.#holders.entries().next();
    if (oldest.done === true) return;
    const [name, holder] = oldest.value;
    this.#holders.delete(name);
    const isKept = !holder.lease.isIdle(nowMs) && this.#holders.size < MAX_SUBJECTS - 1;
    if (isKept) this.#holders.set(name, holder);
  }
}

function nameOf({ kind, name }: QuotaSubject): string {
  return `${kind} ${name}`;
}
