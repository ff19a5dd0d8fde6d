/**
 * The proofs in the status: who was drained, who was killed. The status itself is the ledger: an entry per leaving pod, and totals
 * to which an entry is moved when its pod is gone. Both change in one write, so that a pod is counted once also across crashes.
 */
import type { DrainingPod, RealtimeClusterStatus, RolloutProof, ScaleDownProof } from "../api/v1alpha1/gen/types.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { activePods, isRemovable } from "./pods.ts";

export interface Ledger {
  readonly draining: readonly DrainingPod[];
  readonly lastRollout: RolloutProof | undefined;
  readonly lastScaleDown: ScaleDownProof | undefined;
}

interface Counts {
  readonly removed: number;
  readonly closed: number;
  readonly forced: number;
  readonly left: number;
  readonly killedUndrained: number;
}

export interface LedgerInput {
  readonly observed: Observed;
  readonly target: string;
  readonly nowMs: number;
  /** The same moment as RFC 3339. */
  readonly now: string;
}

export function computeLedger(input: LedgerInput): Ledger {
  const { observed, target, nowMs } = input;
  const before = observed.cluster.status;
  const entries = observed.revisions.flatMap((revision) => entriesOf(revision, target, before, nowMs));
  const present = new Set(entries.map(({ uid }) => uid));
  const gone = (before.draining ?? []).filter(({ uid }) => !present.has(uid));
  return {
    draining: entries,
    lastRollout: rolloutProof(input, entries, gone),
    lastScaleDown: scaleDownProof(input, entries, gone),
  };
}

/** Every gated pod, and every pod of another revision than the target: it is to leave sooner or later. */
function entriesOf(
  revision: ObservedRevision,
  target: string,
  before: RealtimeClusterStatus,
  nowMs: number,
): readonly DrainingPod[] {
  return activePods(revision)
    .filter((pod) => pod.gated || revision.hash !== target)
    .map((pod) => entryOf(pod, revision.hash, before, nowMs));
}

function entryOf(pod: ObservedPod, revision: string, before: RealtimeClusterStatus, nowMs: number): DrainingPod {
  const last = before.draining?.find(({ uid }) => uid === pod.uid) ?? nothing;
  const seen = pod.load?.drain ?? nothing;
  return {
    uid: pod.uid,
    pod: pod.name,
    revision,
    reason: pod.drainReason ?? "rollout",
    // A pod whose process never ran or has ended holds no client that its removal could hurt.
    ended: isRemovable(pod, nowMs) || !pod.running,
    // A container that restarts begins again at 0.
    closed: Math.max(seen.closed, last.closed),
    forced: Math.max(seen.forced, last.forced),
    left: Math.max(seen.left, last.left),
  };
}

const nothing = { closed: 0, forced: 0, left: 0 };

function rolloutProof(
  { observed, target, now }: LedgerInput,
  entries: readonly DrainingPod[],
  gone: readonly DrainingPod[],
): RolloutProof | undefined {
  const others = observed.revisions.filter(({ hash }) => hash !== target).map(({ hash }) => hash);
  const isRunning = others.length > 0 || entries.some(({ reason }) => reason === "rollout");
  const { last, base } = openProof(observed.cluster.status.lastRollout);
  if (!isRunning && base === undefined) return last;
  const from = [...new Set([...(base?.from ?? []), ...others])].filter((hash) => hash !== target).slice(-16);
  const { removed, ...counts } = addGone(
    { removed: base?.podsReplaced ?? 0, ...countsOf(base) },
    gone.filter(({ reason }) => reason === "rollout"),
  );
  return { from, to: target, ...times(base, isRunning, now), podsReplaced: removed, ...counts };
}

function scaleDownProof(
  { observed, now }: LedgerInput,
  entries: readonly DrainingPod[],
  gone: readonly DrainingPod[],
): ScaleDownProof | undefined {
  const isRunning = entries.some(({ reason }) => reason === "scale-down");
  const { last, base } = openProof(observed.cluster.status.lastScaleDown);
  if (!isRunning && base === undefined) return last;
  const { removed, ...counts } = addGone(
    { removed: base?.podsRemoved ?? 0, ...countsOf(base) },
    gone.filter(({ reason }) => reason === "scale-down"),
  );
  return { ...times(base, isRunning, now), podsRemoved: removed, ...counts };
}

/** The last proof, and the same as a base to count on while it is not finished. */
function openProof<T extends RolloutProof | ScaleDownProof>(
  last: T | undefined,
): { readonly last: T | undefined; readonly base: T | undefined } {
  return { last, base: last?.finishedAt === undefined ? last : undefined };
}

function times(
  base: { readonly startedAt: string } | undefined,
  isRunning: boolean,
  now: string,
): { readonly startedAt: string; readonly finishedAt?: string } {
  return { startedAt: base?.startedAt ?? now, ...(!isRunning && { finishedAt: now }) };
}

function countsOf(proof: RolloutProof | ScaleDownProof | undefined): Omit<Counts, "removed"> {
  return {
    closed: proof?.closed ?? 0,
    forced: proof?.forced ?? 0,
    left: proof?.left ?? 0,
    killedUndrained: proof?.killedUndrained ?? 0,
  };
}

function addGone(start: Counts, gone: readonly DrainingPod[]): Counts {
  return gone.reduce(
    (sum, { ended, closed, forced, left }) => ({
      removed: sum.removed + (ended ? 1 : 0),
      closed: sum.closed + closed,
      forced: sum.forced + forced,
      left: sum.left + left,
      killedUndrained: sum.killedUndrained + (ended ? 0 : 1),
    }),
    start,
  );
}

/** UIDs of pods whose end the stored status has noted. Only they may be removed: a crash after the removal loses no count. */
export function recordedEnds({ draining = [] }: RealtimeClusterStatus): ReadonlySet<string> {
  return new Set(draining.filter(({ ended }) => ended).map(({ uid }) => uid));
}
