/** Writes the status once per pass, and gives later passes the newest status even while the watch lags behind our own write. */
import { stableHash } from "@belay/protocol/control";
import type { RealtimeClusterStatus } from "../api/v1alpha1/gen/types.ts";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { Manifest } from "../resources/manifest.ts";

const FIELD_MANAGER = "belay-operator-status";
/** Counters alone are written at most this often: they change with every client. */
const COUNTERS_EVERY_MS = 1_000;

interface Written {
  readonly status: RealtimeClusterStatus;
  readonly resourceVersion: string;
  readonly atMs: number;
}

export class StatusWriter {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #written = new Map<string, Written>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The cluster with the status we know to be the latest. Proofs are counted from it, so a stale one would count twice or not at all. */
  latest(cluster: RealtimeCluster): RealtimeCluster {
    const own = this.#written.get(cluster.metadata.uid);
    if (own === undefined || !isOlder(cluster.metadata.resourceVersion, own.resourceVersion)) return cluster;
    return { ...cluster, status: own.status };
  }

  /** Returns whether a write is still due, and false once everything is stored. */
  async write(cluster: RealtimeCluster, status: RealtimeClusterStatus): Promise<{ readonly deferredMs: number }> {
    if (stableHash(status) === stableHash(cluster.status)) return { deferredMs: 0 };
    const { name, namespace, uid } = cluster.metadata;
    const nowMs = this.#clock.nowMs();
    const sinceMs = nowMs - (this.#written.get(uid)?.atMs ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < COUNTERS_EVERY_MS && essence(status) === essence(cluster.status)) {
      return { deferredMs: COUNTERS_EVERY_MS - sinceMs };
    }
    const { apiVersion, kind } = RESOURCES.realtimeClusters;
    const stored = await this.#client.apply<Manifest>(
      RESOURCES.realtimeClusters,
      { apiVersion, kind, metadata: { name, namespace }, status },
      { fieldManager: FIELD_MANAGER, force: true, subresource: "status" },
    );
    this.#written.set(uid, { status, resourceVersion: stored.metadata.resourceVersion ?? "", atMs: nowMs });
    return { deferredMs: 0 };
  }

  forget(uid: string): void {
    this.#written.delete(uid);
  }
}

/** The status without what changes with every client. */
function essence(status: RealtimeClusterStatus): string {
  const draining = (status.draining ?? []).map(({ uid, ended }) => [uid, ended]);
  const conditions = (status.conditions ?? []).map(({ type, status: value, reason, observedGeneration }) => [
    type,
    value,
    reason,
    observedGeneration,
  ]);
  return stableHash({ ...status, connections: status.connections === undefined, draining, conditions });
}

/** Versions of one object grow; the API promises their order since Kubernetes 1.35, and etcd has always kept it. */
function isOlder(a: string | undefined, b: string): boolean {
  if (a === undefined || !/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
