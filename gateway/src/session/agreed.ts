/** Extensions whose agreement is all there is to them. */
export interface AgreedExtensions {
  /** What the client publishes carries keys (E2). */
  readonly keys: boolean;
  /** It is told the reconnect window (E4). */
  readonly window: boolean;
}

export const NOTHING_AGREED: AgreedExtensions = { keys: false, window: false };
