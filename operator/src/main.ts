/** The operator's process: settings, connection, leader election, controller, servers, and an orderly end. */
import { randomBytes } from "node:crypto";
import { pino, type Logger } from "pino";
import { systemClock, systemRandom } from "./clock.ts";
import { type OperatorConfig, parseConfig } from "./config.ts";
import { MetricsApi } from "./controller/metrics-api.ts";
import { Operator, type OperatorObserver } from "./controller/operator.ts";
import { OperatorMetrics } from "./http/metrics.ts";
import { OperatorServer } from "./http/operator-server.ts";
import { HttpKubeClient } from "./kube/http-kube-client.ts";
import { type KubeConnection, openKubeConnection } from "./kube/kube-connection.ts";
import { GuardedClient } from "./runtime/guarded-client.ts";
import { LeaderElector } from "./runtime/leader-elector.ts";

const parsed = parseConfig(process.env);
if (parsed.ok) await run(parsed.config);
else {
  for (const problem of parsed.problems) console.error(problem);
  process.exitCode = 2;
}

async function run(config: OperatorConfig): Promise<void> {
  const log = pino({ level: config.logLevel, base: { pod: config.podName } });
  failOnBugs(log);
  const stopped = stopSignal();
  const connection = await openKubeConnection({ nowMs: () => systemClock.nowMs() });
  const parts = assemble(config, connection, log);
  const { operator, elector, metricsApi, server } = parts;
  await server.start();
  await Promise.race([stopped, start(parts)]);
  log.info({ namespaces: config.watchNamespaces }, "started");
  await stopped;
  log.info("stopping");
  parts.ready.value = false;
  await operator.close();
  // Last, so that the standby begins when nothing of ours is under way any more.
  await elector.close();
  await metricsApi.close();
  await server.close();
  await connection.close();
}

async function start({ operator, elector, metricsApi, ready }: Parts): Promise<void> {
  await operator.start();
  ready.value = true;
  elector.start();
  metricsApi.start();
}

interface Parts {
  readonly operator: Operator;
  readonly elector: LeaderElector;
  readonly metricsApi: MetricsApi;
  readonly server: OperatorServer;
  readonly ready: { value: boolean };
}

function assemble(config: OperatorConfig, connection: KubeConnection, log: Logger): Parts {
  const ready = { value: false };
  const metrics = new OperatorMetrics({
    leading: () => elector.leading,
    queueDepth: () => operator.queue.depth,
    clusters: () => operator.stores.clusters.size,
  });
  const client = new HttpKubeClient(connection, (verb, resource, code) =>
    metrics.kubeRequests.inc({ verb, resource, code }),
  );
  const common = { client, clock: systemClock, random: systemRandom };
  // A container that restarts keeps its pod's name, so the name alone is no identity.
  const identity = `${config.podName}_${randomBytes(4).toString("hex")}`;
  const elector: LeaderElector = new LeaderElector({
    ...common,
    namespace: config.podNamespace,
    name: config.leaseName,
    identity,
    onChange: (leading, term) => {
      log.info({ leading, term }, "leadership changed");
      if (leading) operator.wakeAll();
    },
    onError: (error) => log.warn({ err: error }, "lease could not be renewed"),
  });
  const metricsApi: MetricsApi = new MetricsApi({
    ...common,
    guarded: new GuardedClient(client, () => elector.leading),
    config,
    counts: { get: (namespace, name) => operator.connections(namespace, name) },
    leading: () => elector.leading,
    onError: (error) => log.warn({ err: error }, "metrics API is not up to date"),
  });
  const { gatewayImage, redisImage, podNamespace: operatorNamespace } = config;
  const operator: Operator = new Operator({
    ...common,
    namespaces: config.watchNamespaces,
    installation: { gatewayImage, redisImage, operatorNamespace },
    instance: identity,
    leader: elector,
    metricsApi: () => metricsApi.state,
    observer: makeObserver(log, metrics),
  });
  const { registry } = metrics;
  const server = new OperatorServer({ host: "::", port: config.httpPort, isReady: () => ready.value, registry });
  return { operator, elector, metricsApi, server, ready };
}

function makeObserver(log: Logger, metrics: OperatorMetrics): OperatorObserver {
  return {
    onReconcile: (key, outcome, error) => {
      metrics.reconciles.inc({ outcome });
      if (outcome === "failed") log.warn({ key, err: error }, "pass failed, will be repeated");
    },
    onPass: (ms) => metrics.reconcileSeconds.observe(ms / 1_000),
    onRestart: ({ resource, error, relist, inMs }) => {
      metrics.watchRestarts.inc({ resource: resource.plural, relist: String(relist) });
      log.debug({ resource: resource.plural, err: error, relist, inMs }, "watch begins again");
    },
    onPodFailure: (pod, error) => {
      metrics.podFailures.inc();
      log.debug({ gatewayPod: pod, err: error }, "gateway pod did not answer");
    },
    onEventFailure: (error) => log.debug({ err: error }, "event was not recorded"),
  };
}

/** The first request to stop; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      resolve();
    });
  }
  return promise;
}

/** A fault that nobody handled has left the process in an unknown state: it ends, and the standby takes over. */
function failOnBugs(log: Logger): void {
  const fail = (error: unknown): void => {
    log.fatal({ err: error }, "unhandled fault");
    process.exit(70);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
}
