import { expect, test } from "vitest";
import { observed } from "../../test/simulation/build.ts";
import { specSchema } from "../api/v1alpha1/schema.ts";
import { clientEndpoint } from "./endpoint.ts";
import type { Observed } from "./observed.ts";

type Found = Partial<Pick<Observed, "service" | "nodeAddress">>;

const service = { revision: "r", clusterIP: "198.18.128.7", nodePort: undefined, ingress: undefined };

test.each<[string, unknown, Found, string]>([
  ["ClusterIP", {}, { service }, "ws://198.18.128.7:8000/connection/websocket"],
  ["ClusterIP on its own port", { port: 80 }, { service }, "ws://198.18.128.7:80/connection/websocket"],
  ["IPv6", {}, { service: { ...service, clusterIP: "2001:2::7" } }, "ws://[2001:2::7]:8000/connection/websocket"],
  [
    "NodePort",
    { type: "NodePort" },
    { service: { ...service, nodePort: 30_080 }, nodeAddress: "198.19.0.2" },
    "ws://198.19.0.2:30080/connection/websocket",
  ],
  [
    "LoadBalancer",
    { type: "LoadBalancer", port: 443 },
    { service: { ...service, ingress: "lb.example.com" } },
    "ws://lb.example.com:443/connection/websocket",
  ],
])("[ST1] %s", (_name, spec, found, url) => {
  const parsed = specSchema.parse({ service: spec });
  expect(clientEndpoint(observed([], { spec: { service: parsed.service }, ...found }))).toEqual({ url });
});

test("[ST1] pods that end TLS are reached by wss", () => {
  const { service: spec, tls } = specSchema.parse({ tls: { secretRef: { name: "cert" } } });
  const endpoint = clientEndpoint(observed([], { spec: { service: spec, ...(tls && { tls }) }, service }));
  expect(endpoint).toEqual({ url: "wss://198.18.128.7:8000/connection/websocket" });
});

test.each<[string, unknown, Found, string]>([
  ["no Service", {}, { service: undefined }, "does not exist yet"],
  ["no cluster address", {}, { service: { ...service, clusterIP: "" } }, "no address yet"],
  ["no node port", { type: "NodePort" }, { service }, "no node port yet"],
  ["no node", { type: "NodePort" }, { service: { ...service, nodePort: 30_080 } }, "no ready node"],
  ["no load balancer", { type: "LoadBalancer" }, { service }, "needs service.type NodePort"],
])("[ST1] %s is said", (_name, spec, found, message) => {
  const parsed = specSchema.parse({ service: spec });
  const endpoint = clientEndpoint(observed([], { spec: { service: parsed.service }, ...found }));
  expect("missing" in endpoint && endpoint.missing).toContain(message);
});
