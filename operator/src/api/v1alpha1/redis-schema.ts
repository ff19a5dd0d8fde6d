/** Schema of Redis: one that the operator runs, or one of the user's. */
import { z } from "zod";
import { rules } from "../fields.ts";
import { secretKeyRef } from "./auth-schema.ts";
import { resources, storage } from "./gateway-schema.ts";
import type { RedisAddressSpec, RedisSpec } from "./gen/types.ts";

const durability = z
  .enum(["fast", "replicated"])
  .exactOptional()
  .describe(
    "fast: publications and messages to inboxes are delivered as they are written; after a failover clients load their state anew. replicated: publishers and subscribers wait for the replicas, and what was acknowledged outlives a failover; needs replicas that gateways can reach. Absent: fast.",
  );

const failover = z
  .strictObject({
    antiAffinity: z
      .enum(["preferred", "required"])
      .exactOptional()
      .describe(
        "Whether two Redis pods, or two sentinels, may share a node where there is no other. Absent: preferred.",
      ),
    downAfterMs: z
      .int32()
      .min(1000)
      .max(600_000)
      .exactOptional()
      .describe("Milliseconds of silence after which a Redis is held to be dead. Absent: 5000."),
    minReplicasToWrite: z
      .int32()
      .min(0)
      .max(2)
      .exactOptional()
      .describe(
        "Replicas that must follow the primary for it to take writes. 0: it goes on alone, also when it was cut off, and durability replicated waits for nobody then. Absent: 1.",
      ),
  })
  .meta({ typeName: "RedisFailoverSpec" });

const managed = z.strictObject({
  type: z.literal("managed"),
  mode: z
    .enum(["standalone", "sentinel"])
    .exactOptional()
    .describe(
      "One Redis, or three with three sentinels that promote another when the primary dies. Absent: standalone.",
    ),
  persistence: storage.exactOptional().describe("Keep Redis' data on a volume; without it a restart begins empty."),
  resources: resources.exactOptional().describe("Resources of each Redis container."),
  passwordVersion: z
    .int32()
    .min(1)
    .exactOptional()
    .describe(
      "Another number makes another password. Gateways change to it without losing a connection; then the old one ends. With Sentinel all six pods have to be ready.",
    ),
  failover: failover.exactOptional().describe("Settings of mode sentinel."),
  durability,
});

function address(port: number): z.ZodType<RedisAddressSpec> {
  return z
    .strictObject({
      host: z
        .string()
        .min(1)
        .max(253)
        .regex(/^[A-Za-z0-9]([-A-Za-z0-9.:]*[A-Za-z0-9])?$/)
        .describe("Name or address."),
      port: z.int32().min(1).max(65_535).default(port).describe("Port."),
    })
    .meta({ typeName: "RedisAddressSpec" });
}

const login = {
  usernameSecretRef: secretKeyRef("username")
    .exactOptional()
    .describe("Secret with the ACL user; Redis' default user when absent."),
  passwordSecretRef: secretKeyRef("password").exactOptional().describe("Secret with the password."),
};
const loginRule = [
  "!has(self.usernameSecretRef) || has(self.passwordSecretRef)",
  "redis: usernameSecretRef needs passwordSecretRef",
] as const;

const sentinel = z
  .strictObject({
    masterName: z
      .string()
      .min(1)
      .max(253)
      .regex(/^[-A-Za-z0-9._]+$/)
      .describe("Name by which the sentinels know the primary."),
    nodes: z.array(address(26_379)).min(1).max(16).describe("The sentinels; one that answers is enough."),
    ...login,
    tls: z.boolean().exactOptional().describe("Connect by TLS, to Redis and to the sentinels. Absent: no."),
    sentinelUsernameSecretRef: secretKeyRef("username")
      .exactOptional()
      .describe("Secret with the ACL user for the sentinels."),
    sentinelPasswordSecretRef: secretKeyRef("password")
      .exactOptional()
      .describe("Secret with the password for the sentinels."),
  })
  .meta({
    typeName: "RedisSentinelSpec",
    ...rules(loginRule, [
      "!has(self.sentinelUsernameSecretRef) || has(self.sentinelPasswordSecretRef)",
      "redis: sentinelUsernameSecretRef needs sentinelPasswordSecretRef",
    ]),
  });

const cluster = z
  .strictObject({
    nodes: z
      .array(address(6379))
      .min(1)
      .max(64)
      .describe("Some of its nodes; the others are learnt from one that answers."),
    ...login,
    tls: z.boolean().exactOptional().describe("Connect by TLS, to every node. Absent: no."),
  })
  .meta({ typeName: "RedisClusterSpec", ...rules(loginRule) });

const external = z.strictObject({
  type: z.literal("external"),
  urlSecretRef: secretKeyRef("url")
    .exactOptional()
    .describe("One Redis: Secret with the URL, redis://user:password@host:6379/0 or rediss://…"),
  sentinel: sentinel.exactOptional().describe("A primary that Sentinel finds and replaces."),
  cluster: cluster.exactOptional().describe("A Redis Cluster: channels are spread over its primaries."),
  caSecretRef: secretKeyRef("ca.crt")
    .exactOptional()
    .describe("Secret with the certificates of authorities to trust for TLS, PEM; the system's when absent."),
  durability,
});

const byTls = (field: string): string => `(has(self.${field}) && has(self.${field}.tls) && self.${field}.tls)`;

const LATER = "create another RealtimeCluster, or switch to an external Redis first";
const bothManaged = "self.type == 'managed' && oldSelf.type == 'managed'";

export const redis: z.ZodType<RedisSpec> = z.discriminatedUnion("type", [managed, external]).meta({
  typeName: "RedisSpec",
  ...rules(
    [
      "self.type != 'external' || [has(self.urlSecretRef), has(self.sentinel), has(self.cluster)].exists_one(is, is)",
      "an external Redis needs exactly one of urlSecretRef, sentinel and cluster",
    ],
    [
      `!has(self.caSecretRef) || has(self.urlSecretRef) || ${["sentinel", "cluster"].map(byTls).join(" || ")}`,
      "redis.caSecretRef needs tls: true, or a URL that begins with rediss://",
    ],
    ["!has(self.failover) || (has(self.mode) && self.mode == 'sentinel')", "redis.failover needs redis.mode sentinel"],
    [
      "self.type != 'managed' || !has(self.durability) || self.durability == 'fast' || (has(self.mode) && self.mode == 'sentinel')",
      "redis.durability replicated needs redis.mode sentinel: one Redis has no replica to wait for",
    ],
    [
      `!(${bothManaged}) || (has(self.mode) ? self.mode : 'standalone') == (has(oldSelf.mode) ? oldSelf.mode : 'standalone')`,
      `redis.mode cannot be changed later: ${LATER}`,
    ],
    [
      "self.type != 'managed' || oldSelf.type != 'managed' || has(self.persistence) == has(oldSelf.persistence)",
      `redis.persistence cannot be added or removed later: ${LATER}`,
    ],
    [
      "!has(self.persistence) || !has(oldSelf.persistence) || self.persistence == oldSelf.persistence",
      `redis.persistence cannot be changed later: ${LATER}`,
    ],
  ),
});
