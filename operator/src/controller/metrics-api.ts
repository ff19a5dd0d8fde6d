/** Brings the metrics API up on every replica, keeps its certificate fresh, and registers it when this replica leads. */
import type { Clock } from "../clock.ts";
import { pause } from "../clock.ts";
import type { OperatorConfig } from "../config.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { Access } from "../metrics-api/access.ts";
import { ensureApiService } from "../metrics-api/api-service.ts";
import { sharedCertificate } from "../metrics-api/certificate-secret.ts";
import type { ConnectionCounts } from "../metrics-api/custom-metrics.ts";
import { readFrontProxy } from "../metrics-api/front-proxy.ts";
import { MetricsServer } from "../metrics-api/metrics-server.ts";
import type { ObservedMetricsApi } from "../plan/observed.ts";

/** Certificate, front-proxy CA and APIService are looked at this often: they change outside of us. */
const EVERY_MS = 60_000;
/** After a failure or a change of leader it goes on this soon. */
const TICK_MS = 5_000;
/** Port of the Service; it leads to the port we listen on. */
const SERVICE_PORT = 443;

export interface MetricsApiOptions {
  readonly client: KubeClient;
  /** Writes only while this replica leads. */
  readonly guarded: KubeClient;
  readonly clock: Clock;
  readonly config: Pick<OperatorConfig, "metricsApi" | "podNamespace">;
  readonly counts: ConnectionCounts;
  readonly leading: () => boolean;
  readonly onError: (error: unknown) => void;
}

export class MetricsApi {
  readonly #options: MetricsApiOptions;
  readonly #stop = new AbortController();
  #server: MetricsServer | undefined;
  #ca = "";
  #servedAtMs = Number.NEGATIVE_INFINITY;
  #registeredAtMs = Number.NEGATIVE_INFINITY;
  #state: ObservedMetricsApi;
  #running: Promise<void> = Promise.resolve();

  constructor(options: MetricsApiOptions) {
    this.#options = options;
    this.#state = options.config.metricsApi.enabled
      ? { state: "unknown", message: "the metrics API is starting" }
      : { state: "off", message: "the operator was installed without its metrics API: enable metricsApi in the chart" };
  }

  get state(): ObservedMetricsApi {
    return this.#state;
  }

  start(): void {
    if (this.#options.config.metricsApi.enabled) this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#server?.close();
  }

  async #run(): Promise<void> {
    const { clock, onError } = this.#options;
    while (!this.#stop.signal.aborted) {
      await this.#refresh().catch(onError);
      await pause(clock, TICK_MS, this.#stop.signal);
    }
  }

  async #refresh(): Promise<void> {
    const { clock, leading } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#servedAtMs >= EVERY_MS) {
      const ca = await this.#serve();
      // The API server must not meet a certificate whose CA it has not been told of.
      if (ca !== this.#ca) this.#registeredAtMs = Number.NEGATIVE_INFINITY;
      this.#ca = ca;
      this.#servedAtMs = nowMs;
    }
    if (!leading() || nowMs - this.#registeredAtMs < EVERY_MS) return;
    await this.#register(this.#ca);
    this.#registeredAtMs = nowMs;
  }

  /** Resolves with the CA behind the certificate. */
  async #serve(): Promise<string> {
    const { client, clock, config, counts } = this.#options;
    const { podNamespace: namespace } = config;
    const { serviceName, port } = config.metricsApi;
    const dnsNames = [`${serviceName}.${namespace}.svc`, `${serviceName}.${namespace}.svc.cluster.local`];
    const name = `${serviceName}-metrics-cert`;
    const certificate = await sharedCertificate({ client, clock, namespace, name, dnsNames });
    const frontProxy = await readFrontProxy(client);
    if (this.#server === undefined) {
      const access = new Access(client, clock);
      const server = new MetricsServer({ host: "::", port, certificate, frontProxy, access, counts, clock });
      await server.start();
      this.#server = server;
    } else this.#server.renew(certificate, frontProxy);
    return certificate.ca;
  }

  async #register(ca: string): Promise<void> {
    const { guarded, config } = this.#options;
    const { serviceName: name, ownerClusterRole } = config.metricsApi;
    const service = { namespace: config.podNamespace, name, port: SERVICE_PORT };
    const registered = await ensureApiService({ client: guarded, ca, service, ownerClusterRole });
    this.#state =
      registered.kind === "ours"
        ? { state: "ours", message: "" }
        : { state: "foreign", message: foreignMessage(registered.service) };
  }
}

function foreignMessage(service: string): string {
  const ways =
    "let it serve the metric from the gateways' /metrics (prometheus-adapter), scale with KEDA, or remove its APIService";
  return `custom.metrics.k8s.io is served by ${service}, which is left alone: ${ways}`;
}
