import type { RedisReport } from "@belay/protocol/control";
import { Counter, Gauge, type Registry } from "prom-client";

/** Times that replicas were asked what they have, by what came of it. */
export interface ReplicaRounds {
  /** All who follow had everything. */
  readonly complete: number;
  /** Some did not say so in time. */
  readonly late: number;
  /** The primary did not answer. */
  readonly failed: number;
}

export interface RedisMetricSources {
  readonly redis: () => RedisReport | undefined;
  readonly replicaRounds: () => ReplicaRounds | undefined;
}

/** The way to Redis and back, as the loop-back probe sees it. Nothing is shown without a Redis. */
export function registerRedisMetrics(registry: Registry, { redis: report, replicaRounds }: RedisMetricSources): void {
  const registers = [registry];
  const counted = (name: string, help: string, read: (probe: RedisReport["probe"]) => number): void => {
    let reported = 0;
    const counter: Counter = new Counter({
      name: `belay_gateway_redis_${name}`,
      help,
      registers,
      collect: () => {
        const redis = report();
        if (redis === undefined) return;
        counter.inc(read(redis.probe) - reported);
        reported = read(redis.probe);
      },
    });
  };
  counted("probe_rounds_total", "Intervals in which the subscriber connection was looked at.", (probe) => probe.rounds);
  counted("probe_failures_total", "Probes that were not answered.", (probe) => probe.failures);
  counted("rebuilds_total", "Times that the way to Redis was restored.", (probe) => probe.rebuilds);
  const age: Gauge = new Gauge({
    name: "belay_gateway_redis_last_success_age_seconds",
    help: "Age of the last sign that what Redis sends arrives here; the time since the start before the first one.",
    registers,
    collect: () => {
      const redis = report();
      age.set(redis?.probe.lastSuccessAgeSeconds ?? redis?.troubleSeconds ?? 0);
    },
  });
  const trouble: Gauge = new Gauge({
    name: "belay_gateway_redis_trouble_seconds",
    help: "How long this gateway has been cut off from Redis, in one direction or both; 0 while it is not.",
    registers,
    collect: () => trouble.set(report()?.troubleSeconds ?? 0),
  });
  registerReplicaRounds(registers, replicaRounds);
}

function registerReplicaRounds(registers: Registry[], read: RedisMetricSources["replicaRounds"]): void {
  const reported = { complete: 0, late: 0, failed: 0 };
  const counter: Counter<"outcome"> = new Counter({
    name: "belay_gateway_redis_replica_rounds_total",
    help: "Times that replicas were asked what they have: all had everything, some were late, or the primary did not answer.",
    labelNames: ["outcome"],
    registers,
    collect: () => {
      const rounds = read();
      if (rounds === undefined) return;
      for (const outcome of ["complete", "late", "failed"] as const) {
        counter.inc({ outcome }, rounds[outcome] - reported[outcome]);
        reported[outcome] = rounds[outcome];
      }
    },
  });
}
