import { homedir } from "node:os";
import { layoutProblem } from "./layout.ts";

export const defaultCluster = "belay";

export interface Settings {
  readonly cluster: string;
  readonly provider: "local" | "kind" | "whichever";
  /** Absent: as many as the cluster has already, or two. */
  readonly nodes: number | undefined;
  readonly cacheRoot: string;
}

export type Parsed = { readonly settings: Settings } | { readonly problems: readonly string[] };

const providers = ["local", "kind", "whichever"] as const;

/** Reads the variables that `make` passes on; every problem is named. Pure but for the home directory. */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Parsed {
  // `make` passes an unset variable on as an empty one.
  const given = (name: string): string | undefined => (environment[name] === "" ? undefined : environment[name]);
  const cluster = given("CLUSTER") ?? defaultCluster;
  const asked = given("PROVIDER") ?? "whichever";
  const provider = providers.find((known) => known === asked);
  const nodes = given("NODES") === undefined ? undefined : Number(given("NODES"));
  const problems = [
    layoutProblem(cluster, nodes ?? 1),
    provider === undefined ? `PROVIDER must be local or kind, was: ${asked}` : undefined,
  ].filter((problem) => problem !== undefined);
  if (provider === undefined || problems.length > 0) return { problems };
  const cacheRoot = `${given("XDG_CACHE_HOME") ?? `${homedir()}/.cache`}/belay`;
  return { settings: { cluster, provider, nodes, cacheRoot } };
}
