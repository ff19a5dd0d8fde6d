/** Asks every gateway pod for its load, about once a second, on every replica of the operator: each of them serves the metric. */
import {
  CLUSTER_LABEL,
  COMPONENT_LABEL,
  type ConfigReport,
  CONTROL_PORT,
  type DrainStatus,
  type LoadReport,
  type RedisReport,
} from "@belay/protocol/control";
import { Agent, request } from "undici";
import { z } from "zod";
import { type Clock, pause } from "../clock.ts";
import { clusterKeyOf, type Stores } from "./stores.ts";
import type { PodObject } from "./objects.ts";
import { controlTokenOf } from "./control-token.ts";
import { isRunning } from "./pod.ts";

const EVERY_MS = 1_000;
const TIMEOUT_MS = 1_500;
/** Pods asked at a time. */
const CONCURRENCY = 32;
const MAX_BODY_BYTES = 16_384;

const count = z.int().min(0);
const drain: z.ZodType<DrainStatus> = z.object({
  state: z.enum(["serving", "draining", "drained"]),
  atStart: count,
  remaining: count,
  moved: count.exactOptional(),
  closed: count,
  forced: count,
  left: count,
  late: count.exactOptional(),
  secondsToDeadline: z.number(),
  report: z
    .object({
      outcome: z.enum(["drained", "cancelled", "aborted"]),
      atStart: count,
      moved: count,
      closed: count,
      forced: count,
      left: count,
      stayed: count,
      tookSeconds: z.number().min(0),
    })
    .exactOptional(),
});
const config: z.ZodType<ConfigReport> = z.object({
  hash: z.string(),
  redisVersion: z.string().max(64).exactOptional(),
  refused: z.object({ hash: z.string(), problems: z.array(z.string()) }).exactOptional(),
});
const redis: z.ZodType<RedisReport> = z.object({
  probe: z.object({
    rounds: count,
    failures: count,
    rebuilds: count,
    lastSuccessAgeSeconds: z.number().exactOptional(),
  }),
  problem: z.string(),
  troubleSeconds: z.number().min(0),
});
const loadReport: z.ZodType<LoadReport> = z.object({
  podUid: z.string(),
  revision: z.string(),
  connections: count,
  ready: z.boolean(),
  notReadyReason: z.string(),
  brokerConnected: z.boolean(),
  redisEvicts: z.string().exactOptional(),
  redis: redis.exactOptional(),
  drain,
  config: config.exactOptional(),
});

export interface SeenLoad {
  readonly report: LoadReport;
  /** When the pod was asked, monotonic ms. */
  readonly atMs: number;
}

export interface LoadClientOptions {
  readonly stores: Pick<Stores, "pods" | "secrets">;
  readonly clock: Clock;
  /** A report of this cluster differs from the last one in more than the time left. */
  readonly onChange: (clusterKey: string) => void;
  readonly onFailure?: (pod: string, error: unknown) => void;
}

export class LoadClient {
  readonly #options: LoadClientOptions;
  readonly #seen = new Map<string, SeenLoad>();
  readonly #stop = new AbortController();
  readonly #agent = new Agent({ allowH2: false, connections: 1, connect: { timeout: TIMEOUT_MS } });
  #running: Promise<void> = Promise.resolve();

  constructor(options: LoadClientOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#agent.destroy();
  }

  get(podUid: string): SeenLoad | undefined {
    return this.#seen.get(podUid);
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.nowMs();
      await this.pollAll();
      await pause(clock, Math.max(50, EVERY_MS - (clock.nowMs() - startedMs)), this.#stop.signal);
    }
  }

  /** One round over all pods that run. Never rejects. */
  async pollAll(): Promise<void> {
    const pods = this.#options.stores.pods
      .list()
      .filter((pod) => pod.metadata.labels?.[COMPONENT_LABEL] === "gateway" && isRunning(pod));
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const uid of this.#seen.keys()) if (!uids.has(uid)) this.#seen.delete(uid);
    const queue = pods.values();
    // Workers share one iterator: each takes the next pod when it is done with its last.
    await Promise.all(Array.from({ length: CONCURRENCY }, () => this.#work(queue)));
  }

  async #work(queue: IterableIterator<PodObject>): Promise<void> {
    for (const pod of queue) {
      if (this.#stop.signal.aborted) return;
      await this.#poll(pod).catch((error: unknown) => this.#options.onFailure?.(pod.metadata.name, error));
    }
  }

  async #poll(pod: PodObject): Promise<void> {
    const { stores, clock } = this.#options;
    const { namespace = "", labels = {} } = pod.metadata;
    const token = controlTokenOf(stores.secrets, namespace, labels[CLUSTER_LABEL] ?? "");
    if (token === undefined) return;
    const atMs = clock.nowMs();
    const report = await this.#fetch(pod.status?.podIP ?? "", token);
    // An address may have passed on to another pod.
    if (report.podUid === pod.metadata.uid) this.#keep(pod, { report, atMs });
  }

  #keep(pod: PodObject, load: SeenLoad): void {
    const { podUid } = load.report;
    const before = this.#seen.get(podUid);
    this.#seen.set(podUid, load);
    if (before !== undefined && signature(before.report) === signature(load.report)) return;
    const clusterKey = clusterKeyOf(pod);
    if (clusterKey !== undefined) this.#options.onChange(clusterKey);
  }

  async #fetch(ip: string, token: string): Promise<LoadReport> {
    const host = ip.includes(":") ? `[${ip}]` : ip;
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#stop.signal]);
    const { statusCode, body } = await request(`http://${host}:${CONTROL_PORT}/load`, {
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${token}` },
      signal,
    });
    const text = await body.text();
    if (statusCode !== 200 || text.length > MAX_BODY_BYTES) throw new Error(`/load answered ${statusCode}`);
    return loadReport.parse(JSON.parse(text));
  }
}

/** What a plan may depend on. */
function signature({
  connections,
  ready,
  brokerConnected,
  redisEvicts,
  redis: way,
  drain: { state, remaining },
  config: own,
}: LoadReport): string {
  const redisState = `${brokerConnected} ${redisEvicts} ${way?.problem}`;
  return `${connections} ${ready} ${redisState} ${state} ${remaining} ${own?.hash} ${own?.refused?.hash}`;
}
