/**
 * The single source of RealtimeCluster's spec. From it come types.ts, the CRD (crds/) and docs/reference (`npm run gen`), and the
 * parse with defaults that the operator does. A field that exists here must act somewhere in resources/ or plan/.
 */
import { z } from "zod";
import { annotationMap, objectName, rules } from "../fields.ts";
import { api } from "./api-schema.ts";
import { auth } from "./auth-schema.ts";
import { autoscaling } from "./autoscaling-schema.ts";
import { gateway } from "./gateway-schema.ts";
import { hooks } from "./hooks-schema.ts";
import { handover } from "./handover-schema.ts";
import { inbox, inboxRule } from "./inbox-schema.ts";
import { limits } from "./limits-schema.ts";
import { namespaces, unprefixed } from "./namespaces-schema.ts";
import type { RealtimeClusterSpec } from "./gen/types.ts";
import { redis } from "./redis-schema.ts";
import { proxies, tls, transports } from "./transports-schema.ts";

const service = z
  .strictObject({
    type: z.enum(["ClusterIP", "NodePort", "LoadBalancer"]).default("ClusterIP").describe("Kind of Service."),
    port: z.int32().min(1).max(65_535).default(8000).describe("Port of the Service."),
    nodePort: z
      .int32()
      .min(1)
      .max(65_535)
      .exactOptional()
      .describe("Fixed node port; chosen by Kubernetes when absent. Needs type NodePort or LoadBalancer."),
    annotations: annotationMap("service.annotations").exactOptional().describe("Annotations of the Service."),
  })
  .meta({
    typeName: "ServiceSpec",
    ...rules([
      "!has(self.nodePort) || self.type != 'ClusterIP'",
      "service.nodePort needs service.type NodePort or LoadBalancer",
    ]),
  });

const drain = z
  .strictObject({
    deadlineSeconds: z
      .int32()
      .min(1)
      .max(86_400)
      .default(120)
      .describe("Longest time a pod's clients are moved at the rate; about what is left then the policy decides."),
    ratePerSecond: z
      .int32()
      .min(1)
      .max(100_000)
      .default(100)
      .describe(
        "Connections asked to leave per second, shared by all pods that drain; raised where the deadline asks for more.",
      ),
    policy: z
      .enum(["ForceClose", "Wait", "Abort"])
      .default("ForceClose")
      .describe(
        "What happens to connections that are left at the deadline. ForceClose: they are closed at once. Wait: they are waited for, and the pod stays until then. Abort: they stay, the pod with them, and what drained it stands still until the policy is another one or the change is taken back.",
      ),
    gracePeriodSeconds: z
      .int32()
      .min(2)
      .max(172_800)
      .default(600)
      .describe("Termination grace period of the pods. Larger than the deadline. A change replaces the pods."),
  })
  .meta({
    typeName: "DrainSpec",
    ...rules([
      "self.deadlineSeconds < self.gracePeriodSeconds",
      "drain.deadlineSeconds must be smaller than drain.gracePeriodSeconds",
    ]),
  });

export const specSchema: z.ZodType<RealtimeClusterSpec> = z
  .strictObject({
    replicas: z
      .int32()
      .min(0)
      .max(1000)
      .exactOptional()
      .describe(
        "Gateway pods. Absent: the operator writes 2, or autoscaling.minReplicas. With autoscaling the HPA writes it.",
      ),
    image: z
      .string()
      .min(1)
      .max(512)
      .regex(/^[A-Za-z0-9][-A-Za-z0-9_.:/@]*$/)
      .exactOptional()
      .describe("Gateway image. Absent: the one the operator was installed with."),
    imagePullPolicy: z
      .enum(["Always", "IfNotPresent", "Never"])
      .default("IfNotPresent")
      .describe("When to pull the image."),
    imagePullSecrets: z
      .array(z.strictObject({ name: objectName.describe("Name of a Secret in the same namespace.") }))
      .max(16)
      .exactOptional()
      .describe("Secrets with which the gateway image is pulled."),
    gateway: gateway.describe("The gateway pods."),
    service: service.default(service.parse({})).describe("The Service that clients connect to."),
    transports: transports.exactOptional().describe("How clients may connect, and whose pages may."),
    tls: tls.exactOptional().describe("TLS on the client port."),
    proxies: proxies.exactOptional().describe("Who is believed about the addresses of clients."),
    redis: redis
      .default({ type: "managed" })
      .describe("Where messages cross pods: a Redis of the operator's, or yours."),
    auth: auth.default(auth.parse({})).describe("Who may connect."),
    limits: limits
      .exactOptional()
      .describe("What clients may ask of one pod. Changes reach every pod within seconds, and close no connection."),
    api: api.exactOptional().describe("Who may use the server API."),
    namespaces: namespaces
      .exactOptional()
      .describe("Namespaces of channels. Changes reach every pod within seconds, and close no connection."),
    unprefixed: unprefixed
      .exactOptional()
      .describe("Channels without a prefix. Absent: everybody connected may subscribe and publish, nothing is kept."),
    inbox: inbox
      .exactOptional()
      .describe("Inboxes: messages that wait for a user who is not there. Absent: there are none."),
    handover: handover
      .exactOptional()
      .describe("What is kept of clients that may continue their connection elsewhere. Absent: resumeSeconds is 5."),
    hooks: hooks.exactOptional().describe("Webhooks: what your application is asked, and where."),
    autoscaling: autoscaling
      .exactOptional()
      .describe("Let a HorizontalPodAutoscaler write replicas by open connections."),
    drain: drain.default(drain.parse({})).describe("How clients leave a pod that is to be removed."),
  })
  .meta({ typeName: "RealtimeClusterSpec", ...inboxRule });
