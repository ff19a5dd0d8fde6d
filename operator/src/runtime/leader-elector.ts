import { type Clock, pause, type Random } from "../clock.ts";
import { type KubeClient, KubeError } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { isTakeable, type Lease, microTime, observeLease, type SeenLease } from "./lease.ts";

/** Giving the lease back must not hold up the end of a process whose API server is away: then it runs out by itself. */
const releaseWithinMs = 3_000;

/** Measured on a live API server: these take over in well under 20 s, the customary 15/10/2 in 17.4 s at best. */
export const LEASE_TIMES = { durationSeconds: 9, renewDeadlineMs: 6_000, retryMs: 1_500 } as const;

export interface LeaderElectorOptions {
  readonly client: Pick<KubeClient, "get" | "create" | "replace">;
  readonly namespace: string;
  readonly name: string;
  /** Pod name and something random: a container that restarts keeps its pod's name. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Must not throw. */
  readonly onChange?: (leading: boolean, term: number) => void;
  readonly onError?: (error: unknown) => void;
}

/**
 * Holds a Lease, or waits for it. `leading` turns false by the local clock alone once the lease could not be renewed within the
 * renew deadline, before anybody else may take it, so that two leaders never write at a time.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #stop = new AbortController();
  #seen: SeenLease | undefined;
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  #held = false;
  #term = 0;
  #wasLeading = false;
  #cancelLapse: () => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
  }

  get leading(): boolean {
    const { clock } = this.#options;
    return this.#held && !this.#stop.signal.aborted && clock.nowMs() - this.#renewedAtMs < LEASE_TIMES.renewDeadlineMs;
  }

  /** `leaseTransitions` of the lease we hold: grows with every change of leader. */
  get term(): number {
    return this.#term;
  }

  start(): void {
    this.#running = this.#run();
  }

  /**
   * Stops leading at once, then gives the lease back so that the standby need not wait for it to run out. Whoever writes must have
   * stopped before: the standby may start the moment the lease is back. Never rejects; ends within 3 s.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#cancelLapse();
    this.#tellChange();
    const { clock, onError } = this.#options;
    const waiting = new AbortController();
    const released = this.#running
      .then(() => (this.#held ? this.#release() : undefined))
      .catch((error: unknown) => onError?.(error));
    await Promise.race([released, pause(clock, releaseWithinMs, waiting.signal)]);
    waiting.abort();
  }

  async #run(): Promise<void> {
    const { clock, random, onError } = this.#options;
    while (!this.#stop.signal.aborted) {
      const askedAtMs = clock.nowMs();
      try {
        // The lease counts from before the request: the server may have stored it as early as that.
        const isHeld = await this.#acquireOrRenew();
        // Whoever asked since the deadline was told no, although a process that stood still ran no timer: they have to be called again.
        this.#tellChange();
        if (isHeld) this.#renewedAtMs = askedAtMs;
      } catch (error) {
        onError?.(error);
      }
      this.#tellChange();
      if (!this.#stop.signal.aborted) this.#tellLapse();
      await pause(clock, LEASE_TIMES.retryMs * (1 + random() / 5), this.#stop.signal);
    }
  }

  #tellChange(): void {
    const { leading } = this;
    if (leading === this.#wasLeading) return;
    this.#wasLeading = leading;
    this.#options.onChange?.(leading, this.#term);
  }

  /** The next renewal may hang for longer than the deadline; the end of leading is told when it comes, not when the call ends. */
  #tellLapse(): void {
    const { clock } = this.#options;
    this.#cancelLapse();
    if (!this.leading) return;
    const inMs = this.#renewedAtMs + LEASE_TIMES.renewDeadlineMs - clock.nowMs();
    // A timer may be early by a fraction of a millisecond.
    this.#cancelLapse = clock.after(Math.ceil(inMs) + 1, () => this.#tellChange());
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { client, namespace, name, identity, clock } = this.#options;
    const ref = { resource: RESOURCES.leases, namespace, name };
    const lease = await client.get<Lease>(ref);
    if (lease === undefined) return this.#write(() => client.create(RESOURCES.leases, this.#lease(0, undefined)), 0);
    this.#seen = observeLease(this.#seen, lease, clock.nowMs());
    const mine = this.#seen.holder === identity;
    if (!mine && !isTakeable(this.#seen, clock.nowMs())) {
      this.#held = false;
      return false;
    }
    const term = (lease.spec?.leaseTransitions ?? 0) + (mine ? 0 : 1);
    return this.#write(() => client.replace(RESOURCES.leases, this.#lease(term, lease)), term);
  }

  /** A conflict means that somebody else was faster: not an error, and not ours. */
  async #write(send: () => Promise<unknown>, term: number): Promise<boolean> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409) throw error;
      this.#held = false;
      return false;
    }
    this.#held = true;
    this.#term = term;
    return true;
  }

  #lease(term: number, before: Lease | undefined): Lease {
    const { namespace, name, identity, clock } = this.#options;
    const now = microTime(clock.date());
    const acquireTime = before?.spec?.holderIdentity === identity ? (before.spec.acquireTime ?? now) : now;
    const resourceVersion = before?.metadata.resourceVersion;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: LEASE_TIMES.durationSeconds,
        acquireTime,
        renewTime: now,
        leaseTransitions: term,
      },
    };
  }

  async #release(): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    const lease = await client.get<Lease>({ resource: RESOURCES.leases, namespace, name });
    if (lease?.spec?.holderIdentity !== identity) return;
    await client.replace(RESOURCES.leases, {
      ...lease,
      spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 },
    });
  }
}
