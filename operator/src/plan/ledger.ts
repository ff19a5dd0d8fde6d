/**
 * The proofs in the status: who was drained, who was killed. The status itself is the ledger: an entry per leaving pod, and totals
 * to which an entry is moved when its pod is gone. Both change in one write, so that a pod is counted once also across crashes.
 */
import type { DrainStatus } from "@belay/protocol/control";
import type { DrainingPod, RealtimeClusterStatus, RolloutProof, ScaleDownProof } from "../api/v1alpha1/gen/types.ts";
import type { Observed, ObservedPod, ObservedRevision } from "./observed.ts";
import { activePods, isRemovable, openPods, type Removal } from "./pods.ts";

export interface Ledger {
  readonly draining: readonly DrainingPod[];
  readonly lastRollout: RolloutProof | undefined;
  readonly lastScaleDown: ScaleDownProof | undefined;
}

/** A pod that is not leaving any more: it is gone, or its drain was taken back and it stays. */
type GonePod = DrainingPod & { readonly stays: boolean };

interface Counts {
  readonly removed: number;
  readonly moved: number;
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
  const { policy } = observed.cluster.spec.drain;
  const entries = observed.revisions.flatMap((revision) => entriesOf(revision, target, before, { nowMs, policy }));
  const present = new Set(entries.map(({ uid }) => uid));
  const wanted = new Set(observed.revisions.flatMap(openPods).map(({ uid }) => uid));
  const gone = (before.draining ?? [])
    .filter(({ uid }) => !present.has(uid))
    .map((entry) => ({ ...entry, stays: wanted.has(entry.uid) }));
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
  removal: Pick<Removal, "nowMs" | "policy">,
): readonly DrainingPod[] {
  return activePods(revision)
    .filter((pod) => pod.gated || revision.hash !== target)
    .map((pod) => entryOf(pod, revision.hash, before, removal));
}

function entryOf(
  pod: ObservedPod,
  revision: string,
  before: RealtimeClusterStatus,
  removal: Pick<Removal, "nowMs" | "policy">,
): DrainingPod {
  const last = before.draining?.find(({ uid }) => uid === pod.uid) ?? nothing;
  const seen = countsNow(pod) ?? nothing;
  return {
    uid: pod.uid,
    pod: pod.name,
    revision,
    reason: pod.drainReason ?? "rollout",
    // A pod whose process never ran or has ended holds no client that its removal could hurt.
    ended: isRemovable(pod, removal) || !pod.running,
    // A container that restarts begins again at 0.
    moved: Math.max(seen.moved ?? 0, last.moved ?? 0),
    closed: Math.max(seen.closed, last.closed),
    forced: Math.max(seen.forced, last.forced),
    left: Math.max(seen.left, last.left),
  };
}

/** Of a drain that gave up its report tells. */
function countsNow({ load }: ObservedPod): Pick<DrainStatus, "moved" | "closed" | "forced" | "left"> | undefined {
  return load?.drain.state === "serving" ? (load.drain.report ?? load.drain) : load?.drain;
}

const nothing = { moved: 0, closed: 0, forced: 0, left: 0 };

function rolloutProof(
  { observed, target, now }: LedgerInput,
  entries: readonly DrainingPod[],
  gone: readonly GonePod[],
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
  gone: readonly GonePod[],
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
  const { moved = 0, closed, forced, left, killedUndrained } = proof ?? { ...nothing, killedUndrained: 0 };
  return { moved, closed, forced, left, killedUndrained };
}

function addGone(start: Counts, gone: readonly GonePod[]): Counts {
  return gone.reduce(
    (sum, { ended, stays, moved = 0, closed, forced, left }) => ({
      removed: sum.removed + (ended && !stays ? 1 : 0),
      moved: sum.moved + moved,
      closed: sum.closed + closed,
      forced: sum.forced + forced,
      left: sum.left + left,
      killedUndrained: sum.killedUndrained + (ended || stays ? 0 : 1),
    }),
    start,
  );
}

/** UIDs of pods whose end the stored status has noted. Only they may be removed: a crash after the removal loses no count. */
export function recordedEnds({ draining = [] }: RealtimeClusterStatus): ReadonlySet<string> {
  return new Set(draining.filter(({ ended }) => ended).map(({ uid }) => uid));
}
