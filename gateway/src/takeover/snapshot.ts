/** What one pod tells another of a connection that goes over; JSON between nodes. Times are absolute: they do not begin anew. */
import type { FilterNode, SubscribeRequest } from "@belay/protocol";
import { z } from "zod";
import type { Ownership } from "../registry/registry.ts";
import type { Identity, ServerSubscription } from "../session/session.ts";
import type { Subscription } from "../subscription/subscription.ts";

/** What is kept of one subscription. */
export interface SubscriptionSnapshot extends ServerSubscription {
  readonly channel: string;
  readonly isServerSide: boolean;
  /** What the client asked for; without a token and a position. */
  readonly wants: SubscribeRequest;
  /** It counts in the channel's presence. */
  readonly isPresent: boolean;
  /** The client info with which others were told that it came. */
  readonly announcedInfo?: Buffer;
}

export interface Snapshot {
  readonly identity: Identity;
  readonly from: Ownership;
  /** The socket was lost: there is no other end to wait for. */
  readonly isResumed: boolean;
  readonly subscriptions: readonly SubscriptionSnapshot[];
}

export function subscriptionSnapshot(subscription: Subscription): SubscriptionSnapshot {
  const { options, channel, wants, expiresAt, presentAs, announcedInfo } = subscription;
  const { info, data, override, isServerSide } = options;
  const { recoverable, positioned, joinLeave, delta, tagsFilter } = wants;
  return {
    channel,
    isServerSide,
    wants: present({ recoverable, positioned, joinLeave, delta, tagsFilter }),
    isPresent: presentAs !== undefined,
    ...present({ info, data, override, expiresAt, announcedInfo }),
  };
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what is undefined. */
function present<T extends object>(values: T): Present<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;
}

const bytes: z.ZodType<Buffer> = z.string().transform((text) => Buffer.from(text, "base64"));
const flags = z.record(z.string(), z.boolean());
const filterNode: z.ZodType<FilterNode> = z.lazy(() =>
  z.object({
    op: z.string(),
    key: z.string(),
    cmp: z.string(),
    val: z.string(),
    vals: z.array(z.string()),
    nodes: z.array(filterNode),
  }),
);

const subscription = z
  .object({
    channel: z.string(),
    isServerSide: z.boolean(),
    wants: z
      .object({
        recoverable: z.boolean().optional(),
        positioned: z.boolean().optional(),
        joinLeave: z.boolean().optional(),
        delta: z.string().optional(),
        tagsFilter: filterNode.optional(),
      })
      .transform((wants) => present(wants)),
    isPresent: z.boolean(),
    info: bytes.optional(),
    data: bytes.optional(),
    override: flags.optional(),
    expiresAt: z.number().optional(),
    announcedInfo: bytes.optional(),
  })
  .transform(({ channel, isServerSide, wants, isPresent, ...rest }) => ({
    channel,
    isServerSide,
    wants,
    isPresent,
    ...present(rest),
  }));

const capability = z.object({
  channels: z.array(z.string()),
  match: z.enum(["exact", "wildcard", "regex"]),
  allow: z.array(z.enum(["pub", "sub", "prs", "hst"])),
});

const identity = z
  .object({
    client: z.string(),
    user: z.string(),
    connInfo: bytes.optional(),
    expiresAt: z.number().optional(),
    issuedAt: z.number().optional(),
    tokenId: z.string().optional(),
    meta: bytes.optional(),
    caps: z.array(capability).optional(),
  })
  .transform(({ client, user, ...rest }) => ({ client, user, ...present(rest) }));

const snapshot: z.ZodType<Snapshot> = z.object({
  identity,
  from: z.object({ podUid: z.string(), term: z.string(), generation: z.number().int() }),
  isResumed: z.boolean(),
  subscriptions: z.array(subscription),
});

/** Buffers as base64. */
export function encodeSnapshot(value: Snapshot): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) => {
      const isBuffer = typeof each === "object" && each !== null && "type" in each && each.type === "Buffer";
      return isBuffer && "data" in each ? Buffer.from(each.data as readonly number[]).toString("base64") : each;
    }),
  );
}

/** Undefined where another pod's word is none that this version understands. */
export function decodeSnapshot(value: unknown): Snapshot | undefined {
  return snapshot.safeParse(value).data;
}
