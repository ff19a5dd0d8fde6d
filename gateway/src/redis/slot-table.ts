import { type ClusterNode, parseClusterNodes } from "./cluster-nodes.ts";
import { SLOT_COUNT } from "./key-slot.ts";
import { formatEndpoint } from "./redis-topology.ts";

interface SlotTableParts {
  readonly owners: readonly (string | undefined)[];
  readonly nodes: ReadonlySet<string>;
  readonly primaries: ReadonlySet<string>;
}

/** Which primary holds which slot of a cluster, as one of its nodes tells it. Servers are named `host:port`. */
export class SlotTable {
  readonly #owners: readonly (string | undefined)[];
  /** Primaries and replicas. */
  readonly nodes: ReadonlySet<string>;
  /** Those that hold slots, and those that may be about to get some. */
  readonly primaries: ReadonlySet<string>;

  private constructor({ owners, nodes, primaries }: SlotTableParts) {
    this.#owners = owners;
    this.nodes = nodes;
    this.primaries = primaries;
  }

  /**
   * From the reply of CLUSTER SLOTS, and that of CLUSTER NODES where there is one; a node that names no host means the one that was
   * asked. Undefined for anything else.
   */
  static parse(reply: unknown, askedHost: string, nodesReply: unknown = ""): SlotTable | undefined {
    if (!Array.isArray(reply)) return undefined;
    const owners = Array.from<string | undefined>({ length: SLOT_COUNT });
    const names = new Map<string, string>();
    for (const row of reply) {
      const range = parseRow(row, askedHost);
      if (range === undefined) return undefined;
      for (const { id, name } of range.servers) names.set(id, name);
      owners.fill(range.owner, range.from, range.to + 1);
    }
    const others = withoutSlots(names, nodesReply);
    const primaries = new Set([...new Set(owners), ...others].filter((name) => name !== undefined));
    return new SlotTable({ owners, nodes: new Set([...names.values(), ...others]), primaries });
  }

  get owners(): ReadonlySet<string> {
    return new Set(this.#owners.filter((owner) => owner !== undefined));
  }

  ownerOf(slot: number): string | undefined {
    return this.#owners[slot];
  }

  /** The same with one slot elsewhere. */
  withMoved(slot: number, owner: string): SlotTable {
    return new SlotTable({
      owners: this.#owners.with(slot, owner),
      nodes: new Set([...this.nodes, owner]),
      primaries: new Set([...this.primaries, owner]),
    });
  }

  /** Slots that another server holds than in this table. */
  movedIn(newer: SlotTable): readonly number[] {
    return this.#owners.flatMap((owner, slot) => (owner === newer.ownerOf(slot) ? [] : [slot]));
  }
}

interface SlotRange {
  readonly from: number;
  readonly to: number;
  /** Undefined where it names no host. */
  readonly owner: string | undefined;
  readonly servers: readonly NamedServer[];
}

interface NamedServer {
  readonly id: string;
  readonly name: string;
}

/** A row of CLUSTER SLOTS. */
function parseRow(row: unknown, askedHost: string): SlotRange | undefined {
  if (!Array.isArray(row)) return undefined;
  const [from, to, ...servers] = row as readonly unknown[];
  if (typeof from !== "number" || typeof to !== "number" || to >= SLOT_COUNT) return undefined;
  const named = servers.map((server) => namedServer(server, askedHost));
  return { from, to, owner: named[0]?.name, servers: named.filter((server) => server !== undefined) };
}

/** `?` is a host that the asked node does not know either. */
function namedServer(server: unknown, askedHost: string): NamedServer | undefined {
  if (!Array.isArray(server)) return undefined;
  const [host, port, id] = server as readonly unknown[];
  if (host === "?" || typeof port !== "number") return undefined;
  const name = formatEndpoint({ host: typeof host === "string" && host !== "" ? host : askedHost, port });
  return { id: typeof id === "string" ? id : name, name };
}

/** Primaries that CLUSTER SLOTS does not tell of, named as it names the others. */
function withoutSlots(names: ReadonlyMap<string, string>, nodesReply: unknown): readonly string[] {
  const nodes = typeof nodesReply === "string" ? parseClusterNodes(nodesReply) : [];
  const isByHostName = nodes.some(({ id, address, hostAddress }) => {
    const name = names.get(id);
    return name !== undefined && name === hostAddress && name !== address;
  });
  const nameOf = ({ address, hostAddress }: ClusterNode): string | undefined => (isByHostName ? hostAddress : address);
  const empty = nodes.filter(({ id, isSoundPrimary }) => isSoundPrimary && !names.has(id));
  return empty.flatMap((node) => nameOf(node) ?? []).filter((name) => !name.startsWith(":"));
}
