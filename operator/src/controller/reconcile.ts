/** The story of one pass: observe → plan → apply → report. It knows nothing of watches and queues. */
import type { RealtimeClusterStatus } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster, RealtimeClusterObject } from "../api/v1alpha1/realtime-cluster.ts";
import { parseCluster } from "../api/v1alpha1/parse.ts";
import { applyActions, type Appliers } from "../apply/apply.ts";
import type { StatusWriter } from "../apply/status-writer.ts";
import type { Clock } from "../clock.ts";
import { observe, type Observers } from "../observe/observe.ts";
import { eventsBetween } from "../plan/events.ts";
import { type Now, plan } from "../plan/plan.ts";
import { withFailures, withInvalidSpec } from "../plan/status.ts";
import type { Installation } from "../resources/manifest.ts";
import type { ReconcileResult } from "../runtime/controller.ts";
import type { EventRecorder } from "../runtime/event-recorder.ts";

export interface Reconciler {
  readonly observers: Observers;
  readonly appliers: Appliers;
  readonly statuses: StatusWriter;
  readonly events: Pick<EventRecorder, "record">;
  readonly installation: Installation;
  readonly clock: Clock;
}

/** After a lost race the watch needs a moment to show who won. */
const OUTDATED_MS = 200;
/** What was refused for good may have been put right by a person. */
const REFUSED_MS = 10_000;

/**
 * Rejects with an error that is worth a back-off. An object that is being deleted is left alone: its children go by their owner
 * references, and gateways drain on SIGTERM.
 */
export async function reconcile(object: RealtimeClusterObject, reconciler: Reconciler): Promise<ReconcileResult> {
  if (object.metadata.deletionTimestamp !== undefined) return {};
  const now = moment(reconciler.clock);
  const parsed = parseCluster(object);
  if (!parsed.ok) {
    const invalid = withInvalidSpec(
      parsed.cluster.status,
      parsed.problems,
      parsed.cluster.metadata.generation,
      now.text,
    );
    return report(parsed.cluster, invalid, reconciler);
  }
  const cluster = reconciler.statuses.latest(parsed.cluster);
  const observed = await observe(cluster, reconciler.observers);
  const { actions, status, requeueAfterMs } = plan(observed, reconciler.installation, now);
  const applied = await applyActions(cluster, actions, reconciler.appliers);
  const { requeueAfterMs: deferredMs = Infinity } = await report(
    cluster,
    withFailures(status, applied.failures, now.text),
    reconciler,
  );
  if (applied.transient !== undefined) throw applied.transient;
  const waits = [
    requeueAfterMs,
    deferredMs,
    ...(applied.outdated ? [OUTDATED_MS] : []),
    ...(applied.failures.length > 0 ? [REFUSED_MS] : []),
  ];
  return { requeueAfterMs: Math.min(...waits) };
}

/** The status once, last; Events only after it is stored, so that a pass that is repeated tells nothing twice. */
async function report(
  cluster: RealtimeCluster,
  status: RealtimeClusterStatus,
  { statuses, events }: Reconciler,
): Promise<ReconcileResult> {
  const { deferredMs } = await statuses.write(cluster, status);
  if (deferredMs > 0) return { requeueAfterMs: deferredMs };
  const about = { apiVersion: "belay.dev/v1alpha1", kind: "RealtimeCluster", metadata: cluster.metadata };
  for (const event of eventsBetween(cluster.status, status)) events.record(about, event);
  return {};
}

function moment(clock: Clock): Now {
  const date = clock.date();
  return { ms: date.getTime(), text: `${date.toISOString().slice(0, 19)}Z` };
}
