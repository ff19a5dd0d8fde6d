import { SLOT_COUNT } from "./key-slot.ts";
import { formatEndpoint } from "./redis-topology.ts";

/** Which primary holds which slot of a cluster, as one of its nodes tells it. Servers are named `host:port`. */
export class SlotTable {
  readonly #owners: readonly (string | undefined)[];
  /** Primaries and replicas. */
  readonly nodes: ReadonlySet<string>;

  private constructor(owners: readonly (string | undefined)[], nodes: ReadonlySet<string>) {
    this.#owners = owners;
    this.nodes = nodes;
  }

  /** From the reply of CLUSTER SLOTS; a node that names no host means the one that was asked. Undefined for anything else. */
  static parse(reply: unknown, askedHost: string): SlotTable | undefined {
    if (!Array.isArray(reply)) return undefined;
    const owners = Array.from<string | undefined>({ length: SLOT_COUNT });
    const nodes = new Set<string>();
    for (const row of reply) {
      if (!Array.isArray(row)) return undefined;
      const [from, to, ...servers] = row as readonly unknown[];
      if (typeof from !== "number" || typeof to !== "number" || to >= SLOT_COUNT) return undefined;
      const names = servers.map((server) => serverName(server, askedHost));
      for (const name of names) if (name !== undefined) nodes.add(name);
      owners.fill(names[0], from, to + 1);
    }
    return new SlotTable(owners, nodes);
  }

  get owners(): ReadonlySet<string> {
    return new Set(this.#owners.filter((owner) => owner !== undefined));
  }

  ownerOf(slot: number): string | undefined {
    return this.#owners[slot];
  }

  /** The same with one slot elsewhere. */
  withMoved(slot: number, owner: string): SlotTable {
    return new SlotTable(this.#owners.with(slot, owner), new Set([...this.nodes, owner]));
  }

  /** Slots that another server holds than in this table. */
  movedIn(newer: SlotTable): readonly number[] {
    return this.#owners.flatMap((owner, slot) => (owner === newer.ownerOf(slot) ? [] : [slot]));
  }
}

/** `?` is a host that the asked node does not know either. */
function serverName(server: unknown, askedHost: string): string | undefined {
  if (!Array.isArray(server)) return undefined;
  const [host, port] = server as readonly unknown[];
  if (host === "?" || typeof port !== "number") return undefined;
  return formatEndpoint({ host: typeof host === "string" && host !== "" ? host : askedHost, port });
}
