/** Polls until `probe` returns something else than false or undefined; the error of the last try is the reason when time is up. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  probe: () => T | Promise<T>,
): Promise<Exclude<T, false | undefined>> {
  const endMs = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const seen = await probe();
      if (seen !== false && seen !== undefined) return seen as Exclude<T, false | undefined>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
