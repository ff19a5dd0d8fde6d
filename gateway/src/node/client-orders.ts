/** What a server API may ask of connections of a user, wherever they are; as JSON between nodes. */
import { CLOSE, UNSUBSCRIBE } from "@belay/protocol";
import { z } from "zod";

/** Whose connections are meant: all of the user, or one. */
export interface ConnectionTarget {
  readonly user: string;
  readonly client?: string | undefined;
  readonly session?: string | undefined;
}

export interface DisconnectOrder extends ConnectionTarget {
  /** Client ids that stay. */
  readonly whitelist?: readonly string[] | undefined;
  readonly code: number;
  readonly reason: string;
}

export interface UnsubscribeOrder extends ConnectionTarget {
  /** Empty: every channel. */
  readonly channel: string;
  readonly code: number;
  readonly reason: string;
}

export interface SubscribeOrder extends ConnectionTarget {
  readonly channel: string;
  /** Base64. */
  readonly info?: string | undefined;
  /** Base64. */
  readonly data?: string | undefined;
  /** Seconds since 1970. */
  readonly expiresAt?: number | undefined;
  readonly override?: Readonly<Record<string, boolean>> | undefined;
  readonly recoverSince?: { readonly offset: number; readonly epoch: string } | undefined;
}

export interface RefreshOrder extends ConnectionTarget {
  readonly isExpired: boolean;
  /** Seconds since 1970; absent: without an end. */
  readonly expiresAt?: number | undefined;
  /** JSON text. */
  readonly info?: string | undefined;
}

const target = { user: z.string(), client: z.string().optional(), session: z.string().optional() } as const;

/** Another node's word is checked like anybody's: it may be of another revision. */
/** Whom any order is for. */
export const connectionTarget: z.ZodType<ConnectionTarget & Pick<DisconnectOrder, "whitelist">> = z.object({
  ...target,
  whitelist: z.array(z.string()).optional(),
});

export const disconnectOrder: z.ZodType<DisconnectOrder> = z.object({
  ...target,
  whitelist: z.array(z.string()).optional(),
  code: z.number().int().default(CLOSE.forced.code),
  reason: z.string().default(CLOSE.forced.reason),
});

export const unsubscribeOrder: z.ZodType<UnsubscribeOrder> = z.object({
  ...target,
  channel: z.string(),
  code: z.number().int().default(UNSUBSCRIBE.server.code),
  reason: z.string().default(UNSUBSCRIBE.server.reason),
});

export const subscribeOrder: z.ZodType<SubscribeOrder> = z.object({
  ...target,
  channel: z.string(),
  info: z.string().optional(),
  data: z.string().optional(),
  expiresAt: z.number().optional(),
  override: z.record(z.string(), z.boolean()).optional(),
  recoverSince: z.object({ offset: z.number().int(), epoch: z.string() }).optional(),
});

/** What nodes keep of the channel for those who come back is to be forgotten too. */
export const historyRemovedOrder: z.ZodType<{ readonly channel: string }> = z.object({ channel: z.string() });

export const refreshOrder: z.ZodType<RefreshOrder> = z.object({
  ...target,
  isExpired: z.boolean().default(false),
  expiresAt: z.number().optional(),
  info: z.string().optional(),
});
