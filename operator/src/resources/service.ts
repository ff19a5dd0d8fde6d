import { CLIENT_PORT, CONTROL_PORT } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { childMeta, selectorLabels, trafficSelector } from "./labels.ts";
import type { Manifest } from "./manifest.ts";
import { names } from "./names.ts";

/** What clients connect to: pods of one revision whose gate is open. */
export function clientService(cluster: RealtimeCluster, servingRevision: string): Manifest {
  const { name } = cluster.metadata;
  const { type, port, nodePort, annotations } = cluster.spec.service;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...childMeta(cluster, names.service(name)), ...(annotations && { annotations }) },
    spec: {
      type,
      selector: trafficSelector(name, servingRevision),
      ports: [
        {
          name: "client",
          port,
          targetPort: "client",
          protocol: "TCP",
          appProtocol: cluster.spec.tls?.secretRef === undefined ? "kubernetes.io/ws" : "kubernetes.io/wss",
          ...(nodePort !== undefined && { nodePort }),
        },
      ],
    },
  };
}

/** DNS names of all gateway pods, ready or not, for people and for scraping. */
export function headlessService(cluster: RealtimeCluster): Manifest {
  const { name } = cluster.metadata;
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: childMeta(cluster, names.headlessService(name)),
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: selectorLabels(name, "gateway"),
      ports: [
        { name: "client", port: CLIENT_PORT, targetPort: "client", protocol: "TCP" },
        { name: "control", port: CONTROL_PORT, targetPort: "control", protocol: "TCP" },
      ],
    },
  };
}
