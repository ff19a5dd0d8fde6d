/** Redis servers that Belay does not own, and Secrets with their passwords, as a team with a Redis of its own would have. */
import { eventuallyTrue } from "./eventually.ts";
import type { Namespace } from "./given.ts";
import { operatorImages } from "./images.ts";
import { getObject } from "./kube-objects.ts";
import { applyObject, kubectl } from "./kubectl.ts";

const PASSWORD = "external-password";
const PORT = 6379;
const SENTINEL_PORT = 26_379;

/** An address of a Redis, as the spec has it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** One Redis behind a Service, and the Secret with its URL. */
export async function externalRedis(
  ns: Namespace,
  name = "outside",
): Promise<{ readonly url: string; readonly secret: string }> {
  await startServer(ns, name);
  await applyObject({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: ns.name },
    spec: { selector: { app: name }, ports: [{ port: PORT }] },
  });
  await podIp(ns, name);
  const service = await getObject<{ spec: { clusterIP: string } }>(ns.name, "services", name);
  const url = `redis://:${PASSWORD}@${service.spec.clusterIP}:${PORT}`;
  await secret(ns, `${name}-url`, { url });
  await eventuallyTrue(
    "endpoints of the outside Redis",
    { withinMs: 10_000 },
    async () =>
      (await kubectl([
        "-n",
        ns.name,
        "get",
        "endpointslices",
        "-l",
        `kubernetes.io/service-name=${name}`,
        "-o",
        "jsonpath={.items[*].endpoints[*].addresses}",
      ])) !== "",
  );
  return { url, secret: `${name}-url` };
}

/** A primary and a sentinel that knows it as `main`, each with a password: keys `redis` and `sentinel` of the Secret. */
export async function externalSentinel(
  ns: Namespace,
): Promise<{ readonly secret: string; readonly nodes: readonly RedisAddress[] }> {
  const sentinelPassword = "sentinel-password";
  await startServer(ns, "watched");
  const primary = await podIp(ns, "watched");
  const lines = [
    `port ${SENTINEL_PORT}`,
    "protected-mode no",
    "dir /tmp",
    `requirepass ${sentinelPassword}`,
    `sentinel monitor main ${primary} ${PORT} 1`,
    `sentinel auth-pass main ${PASSWORD}`,
  ];
  // Sentinel writes into its file.
  const start = `printf '%s\\n' "$@" > /tmp/sentinel.conf; exec redis-server /tmp/sentinel.conf --sentinel`;
  await startPod(ns, "sentinel", ["sh", "-c", start, "sentinel", ...lines]);
  await secret(ns, "watched", { redis: PASSWORD, sentinel: sentinelPassword });
  return { secret: "watched", nodes: [{ host: await podIp(ns, "sentinel"), port: SENTINEL_PORT }] };
}

/** Three primaries of a Redis Cluster, with key `password` of the Secret. */
export async function externalCluster(
  ns: Namespace,
): Promise<{ readonly secret: string; readonly nodes: readonly RedisAddress[] }> {
  const names = ["shard-0", "shard-1", "shard-2"];
  for (const name of names) await startServer(ns, name, ["--cluster-enabled", "yes"]);
  const ips = await Promise.all(names.map((name) => podIp(ns, name)));
  const addresses = ips.map((ip) => `${ip}:${PORT}`);
  const create = ["redis-cli", "-a", PASSWORD, "--cluster", "create", ...addresses, "--cluster-yes"];
  await kubectl(["-n", ns.name, "exec", "shard-0", "--", ...create]);
  await secret(ns, "shards", { password: PASSWORD });
  return { secret: "shards", nodes: ips.map((host) => ({ host, port: PORT })) };
}

function startServer(ns: Namespace, name: string, settings: readonly string[] = []): Promise<void> {
  const persistence = ["--save", "", "--appendonly", "no", "--dir", "/tmp"];
  const access = ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--protected-mode", "no"];
  return startPod(ns, name, ["redis-server", ...persistence, ...access, ...settings]);
}

async function startPod(ns: Namespace, name: string, command: readonly string[]): Promise<void> {
  const { redis } = await operatorImages();
  await applyObject({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: ns.name, labels: { app: name } },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: "redis",
          image: redis,
          imagePullPolicy: "IfNotPresent",
          command,
          // Without a share of its own it would stand still where the machine is busy.
          resources: { requests: { cpu: "50m", memory: "64Mi" } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  });
}

/** Address of the pod when its process runs. */
export async function podIp(ns: Namespace, name: string): Promise<string> {
  await kubectl(["-n", ns.name, "wait", `pod/${name}`, "--for=condition=Ready", "--timeout=90s"]);
  return (await getObject<{ status: { podIP: string } }>(ns.name, "pods", name)).status.podIP;
}

function secret(ns: Namespace, name: string, stringData: Readonly<Record<string, string>>): Promise<void> {
  return applyObject({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: ns.name }, stringData });
}
