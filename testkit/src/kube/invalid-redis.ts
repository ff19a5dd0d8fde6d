/** Sections of Redis that the API server must refuse. */
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
    refusal: "an external Redis needs either urlSecretRef or sentinel",
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
