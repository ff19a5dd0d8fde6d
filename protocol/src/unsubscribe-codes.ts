/** Why the server ended a subscription. Codes from 2500 ask the client to subscribe again, the others are final. */
export interface UnsubscribeReason {
  readonly code: number;
  readonly reason: string;
}

export type UnsubscribeName = "server" | "insufficientState" | "expired" | "stateInvalidated";

export const UNSUBSCRIBE: Readonly<Record<UnsubscribeName, UnsubscribeReason>> = {
  /** By the server API, or because the channel is no longer served. */
  server: { code: 2000, reason: "server unsubscribe" },
  /** What the client has seen can no longer be continued without a gap. */
  insufficientState: { code: 2500, reason: "insufficient state" },
  /** Its token has ended and was not renewed. */
  expired: { code: 2501, reason: "subscription expired" },
  /** The rules of the channel changed: the client drops its position and its token and subscribes anew. */
  stateInvalidated: { code: 2502, reason: "state invalidated" },
};
