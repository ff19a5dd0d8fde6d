/** Resolves with the first request to stop, also one that came before anybody waited; a second one ends the process at once. */
export const stopped: Promise<void> = stopSignal();

async function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(1));
      resolve();
    });
  }
  await promise;
}
