import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Metrics of one operator process. Labels are bounded: no names of clusters or pods. */
export class OperatorMetrics {
  readonly registry: Registry = new Registry();
  readonly kubeRequests: Counter<"verb" | "resource" | "code">;
  readonly reconciles: Counter<"outcome">;
  readonly reconcileSeconds: Histogram;
  readonly watchRestarts: Counter<"resource" | "relist">;
  readonly podFailures: Counter;

  constructor(read: {
    readonly leading: () => boolean;
    readonly queueDepth: () => number;
    readonly clusters: () => number;
  }) {
    const registers = [this.registry];
    this.kubeRequests = new Counter({
      name: "belay_operator_kube_requests_total",
      help: "Requests to the API server, every attempt and every watch included",
      labelNames: ["verb", "resource", "code"],
      registers,
    });
    this.reconciles = new Counter({
      name: "belay_operator_reconciles_total",
      help: "Passes over a RealtimeCluster",
      labelNames: ["outcome"],
      registers,
    });
    this.reconcileSeconds = new Histogram({
      name: "belay_operator_reconcile_seconds",
      help: "Duration of a pass",
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.watchRestarts = new Counter({
      name: "belay_operator_watch_restarts_total",
      help: "Watches that broke and began again; relist: from a new list",
      labelNames: ["resource", "relist"],
      registers,
    });
    this.podFailures = new Counter({
      name: "belay_operator_pod_requests_failed_total",
      help: "Requests to the control port of gateway pods that failed",
      registers,
    });
    gauge(this.registry, "belay_operator_leading", "1 while this replica holds the lease", () =>
      Number(read.leading()),
    );
    gauge(this.registry, "belay_operator_queue_depth", "Clusters waiting for a pass", read.queueDepth);
    gauge(this.registry, "belay_operator_clusters", "RealtimeClusters that are served", read.clusters);
    gauge(this.registry, "process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const metric = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(metric);
}
