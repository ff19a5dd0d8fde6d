import { readChannelName } from "./channel-name.ts";
import type { LinearPattern } from "./linear-pattern.ts";
import type { ChannelLookup, ChannelTable, Namespace } from "./namespace.ts";

export interface TableEntry {
  readonly namespace: Namespace;
  /** Names that are allowed; every one where there is none. */
  readonly namePatterns: readonly LinearPattern[];
  readonly hasRpcHook: boolean;
}

/** Finds the namespace of a channel. The one with the empty name is that of channels without a prefix. */
export class NamespaceTable implements ChannelTable {
  readonly #entries: ReadonlyMap<string, TableEntry>;

  constructor(entries: readonly TableEntry[]) {
    this.#entries = new Map(entries.map((entry) => [entry.namespace.name, entry]));
  }

  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  find(channel: string): ChannelLookup {
    const { namespace: prefix, base, isPrivate, users } = readChannelName(channel);
    // ":news" has a prefix, the empty one, which no namespace has.
    const entry = prefix === "" ? undefined : this.#entries.get(prefix ?? "");
    if (entry === undefined) {
      return { ok: false, reason: "unknownNamespace", problem: `there is no namespace ${prefix ?? ""}` };
    }
    const problem = nameProblem(base, users !== undefined, entry);
    if (problem !== undefined) return { ok: false, reason: "badName", problem };
    return { ok: true, namespace: entry.namespace, isPrivate, ...(users !== undefined && { users }) };
  }

  hasRpcHook(method: string): boolean {
    const colon = method.indexOf(":");
    const prefixed = colon <= 0 ? undefined : this.#entries.get(method.slice(0, colon));
    return (prefixed ?? this.#entries.get(""))?.hasRpcHook ?? false;
  }
}

/** A channel of certain users needs no name of its own: `#42` is that of one user. */
function nameProblem(base: string, hasUsers: boolean, { namePatterns }: TableEntry): string | undefined {
  if (base === "" && !hasUsers) return "channel must have a name behind its prefix";
  if (namePatterns.length === 0 || namePatterns.some((pattern) => pattern.fits(base))) return undefined;
  return "channel must have a name that its namespace allows";
}
