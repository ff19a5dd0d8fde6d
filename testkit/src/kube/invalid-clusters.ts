import { invalidApiKeys } from "./invalid-api-keys.ts";
import { invalidHooks } from "./invalid-hooks.ts";
import { invalidInboxes } from "./invalid-inboxes.ts";
import { invalidLimits } from "./invalid-limits.ts";
import { invalidRedis } from "./invalid-redis.ts";

/** RealtimeClusters that the API server must refuse, each with a part of the refusal a person would read. */

export interface InvalidCluster {
  readonly title: string;
  readonly name?: string;
  readonly spec: unknown;
  /** Part of the API server's message: names the field and the rule. */
  readonly refusal: string;
}

const external = { type: "external", urlSecretRef: { name: "redis-url" } };
const scaled = { minReplicas: 1, maxReplicas: 5, targetConnectionsPerPod: 100 };

export const invalidClusters: readonly InvalidCluster[] = [
  {
    title: "negative replicas",
    spec: { replicas: -1 },
    refusal: "spec.replicas in body should be greater than or equal to 0",
  },
  {
    title: "too many replicas",
    spec: { replicas: 1001 },
    refusal: "spec.replicas in body should be less than or equal to 1000",
  },
  {
    title: "replicas as text",
    spec: { replicas: "two" },
    refusal: 'spec.replicas in body must be of type integer: "string"',
  },
  { title: "an empty image", spec: { image: "" }, refusal: "spec.image in body should be at least 1 chars long" },
  { title: "an image with a blank", spec: { image: "belay gateway" }, refusal: "spec.image in body should match" },
  {
    title: "an unknown pull policy",
    spec: { imagePullPolicy: "Sometimes" },
    refusal: 'spec.imagePullPolicy: Unsupported value: "Sometimes"',
  },
  { title: "an unknown field", spec: { replica: 2 }, refusal: 'unknown field "spec.replica"' },
  {
    title: "an unknown Service type",
    spec: { service: { type: "ExternalName" } },
    refusal: 'spec.service.type: Unsupported value: "ExternalName"',
  },
  {
    title: "port 0",
    spec: { service: { port: 0 } },
    refusal: "spec.service.port in body should be greater than or equal to 1",
  },
  {
    title: "a port beyond 65535",
    spec: { service: { port: 70_000 } },
    refusal: "spec.service.port in body should be less than or equal to 65535",
  },
  {
    title: "a node port on a ClusterIP",
    spec: { service: { nodePort: 30_080 } },
    refusal: "service.nodePort needs service.type NodePort or LoadBalancer",
  },
  {
    title: "an origin without a scheme",
    spec: { transports: { allowedOrigins: ["app.example"] } },
    refusal: "spec.transports.allowedOrigins[0] in body should match",
  },
  {
    title: "an unknown transport",
    spec: { transports: { enabled: ["websocket", "carrier-pigeon"] } },
    refusal: 'spec.transports.enabled[1]: Unsupported value: "carrier-pigeon"',
  },
  {
    title: "a compression level of 0",
    spec: { transports: { compression: { level: 0 } } },
    refusal: "spec.transports.compression.level in body should be greater than or equal to 1",
  },
  {
    title: "TLS 1.1",
    spec: { tls: { minVersion: "1.1" } },
    refusal: 'spec.tls.minVersion: Unsupported value: "1.1"',
  },
  {
    title: "a network that is none",
    spec: { proxies: { forwardedFrom: ["10.0.0.0/33"] } },
    refusal: "must be an address or a network such as 10.0.0.0/8",
  },
  {
    title: "an address of three numbers",
    spec: { proxies: { proxyProtocolFrom: ["10.0.0"] } },
    refusal: "must be an address or a network such as 10.0.0.0/8",
  },
  {
    title: "an unknown Redis type",
    spec: { redis: { type: "cluster" } },
    refusal: 'spec.redis.type: Unsupported value: "cluster"',
  },
  {
    title: "an external Redis without a Secret",
    spec: { redis: { type: "external" } },
    refusal: "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
  },
  {
    title: "a managed Redis with a URL",
    spec: { redis: { ...external, type: "managed" } },
    refusal: "urlSecretRef needs type external",
  },
  {
    title: "persistence of an external Redis",
    spec: { redis: { ...external, persistence: { size: "1Gi" } } },
    refusal: "persistence needs type managed",
  },
  {
    title: "a durability that is none",
    spec: { redis: { ...external, durability: "always" } },
    refusal: 'spec.redis.durability: Unsupported value: "always"',
  },
  {
    title: "a volume size that is none",
    spec: { redis: { type: "managed", persistence: { size: "large" } } },
    refusal: "spec.redis.persistence.size in body should match",
  },
  {
    title: "a Secret name that is none",
    spec: { auth: { hmacSecretRef: { name: "My_Secret" } } },
    refusal: "spec.auth.hmacSecretRef.name in body should match",
  },
  {
    title: "a Secret reference without a name",
    spec: { auth: { hmacSecretRef: { key: "k" } } },
    refusal: "spec.auth.hmacSecretRef.name: Required value",
  },
  {
    title: "a token key of an unknown type",
    spec: { auth: { keys: [{ secretRef: { name: "jwt" }, type: "der" }] } },
    refusal: 'spec.auth.keys[0].type: Unsupported value: "der"',
  },
  {
    title: "an algorithm that signs nothing",
    spec: { auth: { jwks: [{ url: "https://id.example/jwks", algorithms: ["none"] }] } },
    refusal: 'spec.auth.jwks[0].algorithms[0]: Unsupported value: "none"',
  },
  {
    title: "a key set that is no URL",
    spec: { auth: { jwks: [{ url: "file:///etc/passwd" }] } },
    refusal: "spec.auth.jwks[0].url in body should match",
  },
  {
    title: "an issuer without an audience",
    spec: { auth: { oidc: [{ issuer: "https://id.example" }] } },
    refusal: "auth.oidc needs auth.audiences",
  },
  {
    title: "a clock that is an hour ahead",
    spec: { auth: { clockSkewSeconds: 3600 } },
    refusal: "spec.auth.clockSkewSeconds in body should be less than or equal to 300",
  },
  {
    title: "a deadline beyond the grace period",
    spec: { drain: { deadlineSeconds: 900, gracePeriodSeconds: 600 } },
    refusal: "drain.deadlineSeconds must be smaller than drain.gracePeriodSeconds",
  },
  {
    title: "a deadline equal to the grace period",
    spec: { drain: { deadlineSeconds: 60, gracePeriodSeconds: 60 } },
    refusal: "drain.deadlineSeconds must be smaller than drain.gracePeriodSeconds",
  },
  {
    title: "a drain rate of 0",
    spec: { drain: { ratePerSecond: 0 } },
    refusal: "spec.drain.ratePerSecond in body should be greater than or equal to 1",
  },
  {
    title: "autoscaling without a target",
    spec: { autoscaling: { minReplicas: 1, maxReplicas: 2 } },
    refusal: "spec.autoscaling.targetConnectionsPerPod: Required value",
  },
  {
    title: "more minimum than maximum",
    spec: { autoscaling: { ...scaled, minReplicas: 6 } },
    refusal: "autoscaling.minReplicas must not exceed autoscaling.maxReplicas",
  },
  {
    title: "a minimum of 0",
    spec: { autoscaling: { ...scaled, minReplicas: 0 } },
    refusal: "spec.autoscaling.minReplicas in body should be greater than or equal to 1",
  },
  {
    title: "scaling without policies",
    spec: { autoscaling: { ...scaled, behavior: { scaleDown: { policies: [] } } } },
    refusal: "spec.autoscaling.behavior.scaleDown.policies in body should have at least 1 items",
  },
  {
    title: "a reserved label",
    spec: { gateway: { podTemplate: { labels: { "belay.dev/traffic": "on" } } } },
    refusal: "podTemplate.labels: keys under belay.dev/ and app.kubernetes.io/ are reserved for the operator",
  },
  {
    title: "a label key that is none",
    spec: { gateway: { podTemplate: { labels: { "not a key": "x" } } } },
    refusal: "podTemplate.labels: a key must be a qualified name",
  },
  {
    title: "a label value that is none",
    spec: { gateway: { podTemplate: { labels: { team: "a b" } } } },
    refusal: "spec.gateway.podTemplate.labels.team in body should match",
  },
  {
    title: "a reserved annotation",
    spec: { gateway: { podTemplate: { annotations: { "belay.dev/x": "y" } } } },
    refusal: "podTemplate.annotations: keys under belay.dev/",
  },
  {
    title: "a reserved variable",
    spec: { gateway: { podTemplate: { env: [{ name: "POD_UID", value: "x" }] } } },
    refusal: "env: POD_UID, POD_NAME and BELAY_REVISION are reserved for the operator",
  },
  {
    title: "a variable twice",
    spec: {
      gateway: {
        podTemplate: {
          env: [
            { name: "A", value: "1" },
            { name: "A", value: "2" },
          ],
        },
      },
    },
    refusal: "spec.gateway.podTemplate.env[1]: Duplicate value",
  },
  {
    title: "a variable with neither value nor source",
    spec: { gateway: { podTemplate: { env: [{ name: "A" }] } } },
    refusal: "env needs either value or valueFrom",
  },
  {
    title: "an amount of memory that is none",
    spec: { gateway: { resources: { limits: { memory: "lots" } } } },
    refusal: "spec.gateway.resources.limits.memory in body should match",
  },
  {
    title: "a toleration without a key",
    spec: { gateway: { podTemplate: { tolerations: [{ operator: "Equal", value: "x" }] } } },
    refusal: "tolerations: operator Equal needs a key",
  },
  {
    title: "a namespace twice",
    spec: { namespaces: [{ name: "chat" }, { name: "chat" }] },
    refusal: "spec.namespaces[1]: Duplicate value",
  },
  {
    title: "a namespace whose name holds a colon",
    spec: { namespaces: [{ name: "chat:a" }] },
    refusal: "spec.namespaces[0].name in body should match",
  },
  {
    title: "subscribers who alone may subscribe",
    spec: { namespaces: [{ name: "chat", allow: { subscribe: "subscriber" } }] },
    refusal: "spec.namespaces[0].allow.subscribe: Unsupported value",
  },
  {
    title: "forced recovery of nothing",
    spec: { namespaces: [{ name: "chat", recovery: { force: true } }] },
    refusal: "history is needed where recovery is forced or of mode cache",
  },
  {
    title: "a schema for bytes",
    spec: { unprefixed: { payload: { format: "binary", schema: { type: "object" } } } },
    refusal: "payload.format must be json where there is a schema or something to sanitize",
  },
  {
    title: "a script that may stay",
    spec: { namespaces: [{ name: "chat", payload: { sanitize: [{ path: "/text", allowedTags: ["script"] }] } }] },
    refusal: "spec.namespaces[0].payload.sanitize[0].allowedTags[0]: Unsupported value",
  },
  ...invalidRedis,
  ...invalidHooks,
  ...invalidInboxes,
  ...invalidApiKeys,
  ...invalidLimits,
  {
    title: "a name that is too long",
    name: "a".repeat(41),
    spec: {},
    refusal: "metadata.name must be no longer than 40 characters",
  },
  {
    title: "a name with a dot",
    name: "chat.prod",
    spec: {},
    refusal: "metadata.name must begin with a letter and hold only a-z, 0-9 and -",
  },
];
