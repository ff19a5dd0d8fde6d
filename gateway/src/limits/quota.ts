import type { BucketRate } from "./token-bucket.ts";

/** Whose tokens: a user over all its connections, or a key of the server API. */
export interface QuotaSubject {
  readonly kind: "user" | "key";
  readonly name: string;
}

export interface QuotaVerdict {
  readonly isGranted: boolean;
  /** How long the next one is refused too, as far as is known; 0 when granted. */
  readonly retryAfterMs: number;
}

export const GRANTED: QuotaVerdict = { isGranted: true, retryAfterMs: 0 };

/** Rates that hold for the whole cluster. */
export interface Quota {
  /**
   * One message or request. Answers of one subject come in the order of the questions; a promise is given only where they have to
   * be asked for elsewhere. Never rejects.
   */
  take(subject: QuotaSubject, rate: BucketRate): QuotaVerdict | Promise<QuotaVerdict>;
}
