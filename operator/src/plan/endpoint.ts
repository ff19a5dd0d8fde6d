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

function url(host: string, port: number): { readonly url: string } {
  const name = host.includes(":") ? `[${host}]` : host;
  return { url: `ws://${name}:${port}${PATH}` };
}
