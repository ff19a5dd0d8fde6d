/** Sections of Redis that the API server must refuse. */
const cluster = { nodes: [{ host: "redis.example" }] };
const nodes = [{ host: "sentinel.example" }];
const sentinel = { masterName: "mymaster", nodes };

export const invalidRedis: readonly { readonly title: string; readonly spec: unknown; readonly refusal: string }[] = [
  {
    title: "a managed Redis in a mode that there is not",
    spec: { redis: { type: "managed", mode: "cluster" } },
    refusal: 'spec.redis.mode: Unsupported value: "cluster"',
  },
  {
    title: "settings of a failover without Sentinel",
    spec: { redis: { type: "managed", failover: { downAfterMs: 2000 } } },
    refusal: "redis.failover needs redis.mode sentinel",
  },
  {
    title: "replicated durability of one Redis, which has no replica",
    spec: { redis: { type: "managed", durability: "replicated" } },
    refusal: "redis.durability replicated needs redis.mode sentinel",
  },
  {
    title: "a Redis that is dead in no time",
    spec: { redis: { type: "managed", mode: "sentinel", failover: { downAfterMs: 10 } } },
    refusal: "spec.redis.failover.downAfterMs in body should be greater than or equal to 1000",
  },
  {
    title: "more replicas to wait for than there are",
    spec: { redis: { type: "managed", mode: "sentinel", failover: { minReplicasToWrite: 3 } } },
    refusal: "spec.redis.failover.minReplicasToWrite in body should be less than or equal to 2",
  },
  {
    title: "a managed Redis with sentinels of the user's",
    spec: { redis: { type: "managed", sentinel } },
    refusal: "sentinel needs type external",
  },
  {
    title: "an external Redis with a URL and with sentinels",
    spec: { redis: { type: "external", urlSecretRef: { name: "url" }, sentinel } },
    refusal: "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
  },
  {
    title: "an external Redis that is nowhere",
    spec: { redis: { type: "external" } },
    refusal: "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
  },
  {
    title: "an external Redis with sentinels and a cluster",
    spec: { redis: { type: "external", sentinel, cluster } },
    refusal: "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
  },
  {
    title: "an external Redis with everything",
    spec: { redis: { type: "external", urlSecretRef: { name: "url" }, sentinel, cluster } },
    refusal: "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
  },
  {
    title: "a managed Redis with a cluster of the user's",
    spec: { redis: { type: "managed", cluster } },
    refusal: "cluster needs type external",
  },
  {
    title: "a cluster without a node",
    spec: { redis: { type: "external", cluster: { nodes: [] } } },
    refusal: "spec.redis.cluster.nodes in body should have at least 1 items",
  },
  {
    title: "a node of a cluster at a port that there is not",
    spec: { redis: { type: "external", cluster: { nodes: [{ host: "redis.example", port: 70_000 }] } } },
    refusal: "spec.redis.cluster.nodes[0].port in body should be less than or equal to 65535",
  },
  {
    title: "a user of a cluster without a password",
    spec: { redis: { type: "external", cluster: { ...cluster, usernameSecretRef: { name: "login" } } } },
    refusal: "usernameSecretRef needs passwordSecretRef",
  },
  {
    title: "authorities for connections to a cluster without TLS",
    spec: { redis: { type: "external", cluster, caSecretRef: { name: "ca" } } },
    refusal: "redis.caSecretRef needs tls: true",
  },
  {
    title: "sentinels without the name of the primary",
    spec: { redis: { type: "external", sentinel: { nodes } } },
    refusal: "spec.redis.sentinel.masterName: Required value",
  },
  {
    title: "no sentinel at all",
    spec: { redis: { type: "external", sentinel: { ...sentinel, nodes: [] } } },
    refusal: "spec.redis.sentinel.nodes in body should have at least 1 items",
  },
  {
    title: "an address of a sentinel with a scheme",
    spec: { redis: { type: "external", sentinel: { ...sentinel, nodes: [{ host: "redis://sentinel" }] } } },
    refusal: "spec.redis.sentinel.nodes[0].host in body should match",
  },
  {
    title: "a user without a password",
    spec: { redis: { type: "external", sentinel: { ...sentinel, usernameSecretRef: { name: "login" } } } },
    refusal: "usernameSecretRef needs passwordSecretRef",
  },
  {
    title: "a user for the sentinels without a password",
    spec: { redis: { type: "external", sentinel: { ...sentinel, sentinelUsernameSecretRef: { name: "login" } } } },
    refusal: "sentinelUsernameSecretRef needs sentinelPasswordSecretRef",
  },
  {
    title: "authorities for connections without TLS",
    spec: { redis: { type: "external", sentinel, caSecretRef: { name: "ca" } } },
    refusal: "redis.caSecretRef needs tls: true",
  },
];
