/** For tests: takes away the API server of the cluster that `make env` has named, and brings it back. */
import { chooseProvider } from "./choose-provider.ts";
import type { Provider } from "./provider.ts";
import { parseSettings } from "./settings.ts";

async function provider(): Promise<Provider> {
  const environment = {
    ...process.env,
    CLUSTER: process.env["BELAY_CLUSTER"],
    PROVIDER: process.env["BELAY_PROVIDER"],
  };
  // Never the default cluster by accident: that one is somebody's to play with.
  if (environment.CLUSTER === undefined) throw new Error('no cluster named: eval "$(make -s env CLUSTER=test)"');
  const parsed = parseSettings(environment);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  return (await chooseProvider(parsed.settings)).provider;
}

/** Ends when no API server listens any more. */
export async function stopApiServer(): Promise<void> {
  await (await provider()).stopApiServer();
}

/** Ends when the API server says that it is ready. */
export async function startApiServer(): Promise<void> {
  await (await provider()).startApiServer();
}
