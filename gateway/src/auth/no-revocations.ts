import type { Revocations } from "./verifier.ts";

/** A cluster in which nothing is ever revoked. */
export const NO_REVOCATIONS: Revocations = {
  start: () => Promise.resolve(),
  add: () => Promise.resolve(),
  unblock: () => Promise.resolve(),
  judge: () => undefined,
  onRevocation: () => undefined,
  close: () => Promise.resolve(),
};
