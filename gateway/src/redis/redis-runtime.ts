import type { Clock, Random } from "../clock.ts";

/** What the Redis adapters take from outside: time, randomness and the log. */
export interface RedisRuntime {
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
  readonly log: RedisLog;
}

/** The part of a pino logger that is used. */
export interface RedisLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** `times` counts from 1. Doubles from 50 ms, at most `capMs`; the upper half is jitter, also at the cap. */
export function reconnectDelayMs(times: number, capMs: number, random: Random): number {
  const ceilingMs = Math.min(capMs, 50 * 2 ** Math.min(times - 1, 16));
  return Math.round(ceilingMs * (0.5 + random() / 2));
}

/**
 * A copy that is safe to log: ioredis hangs the command with its arguments on its errors, and those may be a password or a payload.
 */
export function redactedError(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : "unknown error");
}
