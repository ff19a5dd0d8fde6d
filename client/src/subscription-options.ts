import type { Payload, TagsFilter } from "./messages.ts";
import type { Reset } from "./sequencer.ts";
import type { TokenProvider } from "./token-source.ts";

export interface SubscriptionOptions {
  readonly token?: string;
  /** Asked for a token when there is none or it ends. */
  readonly getToken?: TokenProvider;
  /** Goes to the server with subscribe. */
  readonly data?: Payload;
  /** Wants to hear who comes and goes. */
  readonly joinLeave?: boolean;
  /** Only publications whose tags fit. */
  readonly tagsFilter?: TagsFilter;
  /** Goes on where the page before left off: what was published since is shown, or told as a reset. Needs the client's `store`. */
  readonly isResumed?: boolean;
  /** Something was missed for good: load the state anew. Publications wait until the promise is settled. */
  readonly onReset?: (reset: Reset) => Promise<void> | undefined;
}
