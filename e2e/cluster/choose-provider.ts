import { openCache } from "./cache.ts";
import { succeeds } from "./command.ts";
import { KindProvider } from "./kind-provider.ts";
import { LocalProvider } from "./local-provider.ts";
import type { Provider } from "./provider.ts";
import type { Settings } from "./settings.ts";

export interface Chosen {
  readonly kind: "local" | "kind";
  readonly provider: Provider;
  readonly bin: string;
}

/** The provider asked for; where none is, kind if a Docker engine answers. */
export async function chooseProvider({ cluster, provider, nodes, cacheRoot }: Settings): Promise<Chosen> {
  const cache = await openCache(cacheRoot);
  const kind = provider === "whichever" ? ((await succeeds(["docker", "info"])) ? "kind" : "local") : provider;
  const request = { name: cluster, nodes, cache };
  return { kind, provider: kind === "kind" ? new KindProvider(request) : new LocalProvider(request), bin: cache.bin };
}
