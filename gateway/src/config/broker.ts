import { z } from "zod";

interface RedisShared {
  readonly type: "redis";
  readonly prefix: string;
  readonly durability: "fast" | "replicated";
  readonly caFile?: string | undefined;
}

interface RedisNode {
  readonly host: string;
  readonly port: number;
}

interface RedisLogin {
  readonly usernameFile?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tls: boolean;
}

interface StandaloneSettings extends RedisShared {
  readonly mode: "standalone";
  readonly urlFile: string;
}

interface SentinelSettings extends RedisShared, RedisLogin {
  readonly mode: "sentinel";
  readonly sentinels: readonly RedisNode[];
  readonly masterName: string;
  readonly sentinelUsernameFile?: string | undefined;
  readonly sentinelPasswordFile?: string | undefined;
}

interface ClusterSettings extends RedisShared, RedisLogin {
  readonly mode: "cluster";
  readonly nodes: readonly RedisNode[];
}

type RedisSettings = StandaloneSettings | SentinelSettings | ClusterSettings;

/** The section `broker` with its defaults. */
export type BrokerSettings = { readonly type: "memory" } | RedisSettings;

const file = z.string("must be a path").min(1, "must be a path");
const SENTINEL_PORT = 26_379;
const REDIS_PORT = 6_379;

const redisShared = {
  type: z.literal("redis"),
  prefix: z.string("must be text").max(64, "must have at most 64 characters").default("belay:"),
  durability: z.enum(["fast", "replicated"], "must be fast or replicated").default("fast"),
  caFile: file.optional(),
};

const redisLogin = {
  usernameFile: file.optional(),
  passwordFile: file.optional(),
  tls: z.boolean("must be true or false").default(false),
};

/** A list of 1 to `most` nodes. */
function nodes(most: number, port: number): z.ZodType<readonly RedisNode[]> {
  const count = `must be a list of 1 to ${most} nodes`;
  const portRule = "must be an integer from 1 to 65535";
  const node = z.strictObject({
    host: z.string("must be a host").regex(/^[^\s/@]+$/, "must be a host"),
    port: z.number(portRule).int(portRule).min(1, portRule).max(65_535, portRule).default(port),
  });
  return z.array(node, count).min(1, count).max(most, count);
}

const PASSWORD_RULE = { path: ["passwordFile"], error: "must be given with usernameFile" };
const SENTINEL_PASSWORD_RULE = { path: ["sentinelPasswordFile"], error: "must be given with sentinelUsernameFile" };
const CA_RULE = { path: ["tls"], error: "must be true where there is a caFile" };

const hasPassword = ({ usernameFile, passwordFile }: RedisLogin): boolean =>
  usernameFile === undefined || passwordFile !== undefined;
const hasTls = ({ tls, caFile }: RedisLogin & RedisShared): boolean => tls || caFile === undefined;

const memory = z.strictObject({ type: z.literal("memory") });
const standalone = z.strictObject({
  ...redisShared,
  mode: z.literal("standalone").default("standalone"),
  urlFile: file,
});
const sentinel = z
  .strictObject({
    ...redisShared,
    ...redisLogin,
    mode: z.literal("sentinel"),
    sentinels: nodes(16, SENTINEL_PORT),
    masterName: z.string("must be a name").regex(/^[\w.-]{1,255}$/, "must be a name of letters, digits, . - _"),
    sentinelUsernameFile: file.optional(),
    sentinelPasswordFile: file.optional(),
  })
  .refine(hasPassword, PASSWORD_RULE)
  .refine(
    ({ sentinelUsernameFile, sentinelPasswordFile }) =>
      sentinelUsernameFile === undefined || sentinelPasswordFile !== undefined,
    SENTINEL_PASSWORD_RULE,
  )
  .refine(hasTls, CA_RULE);
const cluster = z
  .strictObject({ ...redisShared, ...redisLogin, mode: z.literal("cluster"), nodes: nodes(64, REDIS_PORT) })
  .refine(hasPassword, PASSWORD_RULE)
  .refine(hasTls, CA_RULE);

const redis = z.discriminatedUnion(
  "mode",
  [standalone, sentinel, cluster],
  'must be "standalone", "sentinel" or "cluster"',
);

export const brokerSchema: z.ZodType<BrokerSettings> = z.discriminatedUnion(
  "type",
  [memory, redis],
  'must be {"type":"memory"} or {"type":"redis","urlFile":…}',
);
