/** What it takes to open a subscription, and what comes of it. */
import type { ErrorReply, SubscribeRequest, SubscribeResult } from "@belay/protocol";
import type { ClientConnection, Services } from "../handlers/services.ts";
import { secondsUntil } from "../session/expiry.ts";
import type { Identity } from "../session/session.ts";
import type { Subscription } from "./subscription.ts";

export interface OpenRequest {
  readonly connection: ClientConnection;
  /** Already in the connection's map. */
  readonly subscription: Subscription;
  readonly identity: Identity;
  /** What the client asked for. */
  readonly wants: SubscribeRequest;
  /** It goes on from another connection, which is in presence and was announced. */
  readonly isContinued?: boolean;
  readonly filter?: (tags: Readonly<Record<string, string>>) => boolean;
}

export type OpenOutcome =
  | {
      readonly ok: true;
      readonly result: SubscribeResult;
      /** To be called in the turn in which the reply is queued: pushes follow it (ORD3). */
      readonly activate: () => void;
    }
  | { readonly ok: false; readonly error: ErrorReply };

/** Absent where the subscription does not end, or the server itself renews it. */
export function shownTtl({ expiresAt, namespace }: Subscription, { clock, hooks }: Services): number | undefined {
  const isRenewedHere = hooks.has.subRefresh && namespace.hooks.subRefresh;
  return expiresAt === undefined || isRenewedHere ? undefined : secondsUntil(expiresAt, clock);
}
