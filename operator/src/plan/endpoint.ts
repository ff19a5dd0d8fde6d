import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { Observed } from "./observed.ts";

/** Path of the WebSocket transport. */
const PATH = "/connection/websocket";

/** The URL for clients, or why there is none yet. */
export function clientEndpoint({
  cluster,
  service,
  nodeAddress,
}: Observed): { readonly url: string } | { readonly missing: string } {
  const { type, port } = cluster.spec.service;
  const url = (host: string, at: number): { readonly url: string } => ({ url: clientUrl(cluster.spec.tls, host, at) });
  if (service === undefined) return { missing: "the Service does not exist yet" };
  switch (type) {
    case "ClusterIP":
      return service.clusterIP === "" ? { missing: "the Service has no address yet" } : url(service.clusterIP, port);
    case "NodePort":
      if (service.nodePort === undefined) return { missing: "the Service has no node port yet" };
      if (nodeAddress === undefined) return { missing: "no ready node with an address is known" };
      return url(nodeAddress, service.nodePort);
    case "LoadBalancer":
      if (service.ingress === undefined)
        return {
          missing:
            "the load balancer has no address yet; a cluster without a load balancer needs service.type NodePort",
        };
      return url(service.ingress, port);
  }
}

/** `wss` where the pods end TLS; what a proxy in front of the Service does is not known here. */
function clientUrl(tls: RealtimeCluster["spec"]["tls"], host: string, port: number): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${tls?.secretRef === undefined ? "ws" : "wss"}://${name}:${port}${PATH}`;
}
