import { createHash } from "node:crypto";

/** Whose key it is, and where. */
interface KeyScope {
  readonly channel: string;
  readonly user: string;
}

/**
 * The idempotency key of a publication that a client named (E2). A user's keys are its own in each channel: as a hash no key of
 * one user or of the server API can be made to look like one of another.
 */
export function clientKey({ channel, user }: KeyScope, key: string): string {
  const text = JSON.stringify([channel, user, key]);
  return `client:${createHash("sha256").update(text).digest("base64url")}`;
}
