/** Full-jitter exponential back-off: a random time up to min(cap, base · 2^attempt). Jitter stays at the cap. Pure. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

export function backoffMs({ baseMs, capMs }: BackoffOptions, attempt: number, random: number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
  // Half is fixed, so that many failures in a row can never become a hot loop.
  return ceiling / 2 + (ceiling / 2) * random;
}
