/** *hot* Inboxes: messages that wait for a user who is not there. */
export interface InboxConfig {
  /** Default false. */
  readonly enabled?: boolean;
  /** Messages kept for one user; the oldest go first. Default 1,000. */
  readonly size?: number;
  /** How long a message is kept. Default 604,800 (a week). */
  readonly ttlSeconds?: number;
}
