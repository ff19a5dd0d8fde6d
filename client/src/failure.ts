import { ServerError } from "./errors.ts";

/** The server said that the same may work later. */
export function isTemporary(error: unknown): boolean {
  return error instanceof ServerError && error.isTemporary;
}

/** What code of the application threw may be anything. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
