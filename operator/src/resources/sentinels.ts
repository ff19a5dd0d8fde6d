/** The sentinels of a managed Redis: they agree on who is primary, and on a successor when it dies. */
import { stableHash } from "@belay/protocol/control";
import { names } from "./names.ts";
import type { Blueprint, Manifest } from "./manifest.ts";
import { dataClaim, dataVolume, managedRedis, redisPodSpec, secretFiles } from "./redis-pod.ts";
import { impatientNames, memberAffinity, memberStatefulSet } from "./redis-nodes.ts";
import { startSentinel } from "./redis-scripts.ts";
import { containerSecurity } from "./security.ts";
import { scriptEnvironment, SENTINEL_PORT } from "./sentinel-topology.ts";

/** A file of a few kilobytes; what storage gives at least. */
const STATE_SIZE = "64Mi";
const resources = { requests: { cpu: "20m", memory: "32Mi" }, limits: { memory: "128Mi" } };

export function sentinelStatefulSet({ cluster, installation }: Blueprint): Manifest {
  const name = names.sentinels(cluster.metadata.name);
  const nodes = names.redisNodes(cluster.metadata.name);
  const storage = managedRedis(cluster)?.persistence;
  return memberStatefulSet({
    cluster,
    name,
    component: "sentinel",
    configHash: stableHash(startSentinel),
    // Where data outlives its pods, so must the knowledge of who has the newest.
    claim: storage && dataClaim({ ...storage, size: STATE_SIZE }),
    podSpec: {
      ...redisPodSpec(cluster),
      ...impatientNames,
      affinity: memberAffinity(cluster, "sentinel"),
      containers: [
        {
          name: "sentinel",
          image: installation.redisImage,
          imagePullPolicy: "IfNotPresent",
          command: ["/bin/sh", "/etc/redis/config/start-sentinel.sh"],
          env: scriptEnvironment(cluster, name, SENTINEL_PORT),
          ports: [{ name: "sentinel", containerPort: SENTINEL_PORT, protocol: "TCP" }],
          resources,
          securityContext: containerSecurity,
          startupProbe: {
            tcpSocket: { port: "sentinel" },
            periodSeconds: 1,
            timeoutSeconds: 1,
            failureThreshold: 3600,
          },
          readinessProbe: { tcpSocket: { port: "sentinel" }, periodSeconds: 2, timeoutSeconds: 1, failureThreshold: 3 },
          livenessProbe: { tcpSocket: { port: "sentinel" }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 },
          volumeMounts: [
            { name: "config", mountPath: "/etc/redis/config", readOnly: true },
            { name: "auth", mountPath: "/etc/redis/auth", readOnly: true },
            { name: "data", mountPath: "/data" },
          ],
        },
      ],
      volumes: [
        {
          name: "config",
          configMap: { name: nodes, items: [{ key: "start-sentinel.sh", path: "start-sentinel.sh" }] },
        },
        secretFiles(nodes, ["auth.conf", "password"]),
        ...dataVolume(storage),
      ],
    },
  });
}
