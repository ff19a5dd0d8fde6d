import { formatEndpoint } from "./redis-topology.ts";

/** One line of CLUSTER NODES: what one node of a cluster says of another, or of itself. */
export interface ClusterNode {
  readonly id: string;
  /** `ip:port`. */
  readonly address: string;
  /** `host:port`, where the node announces a host name. */
  readonly hostAddress: string | undefined;
  readonly isMyself: boolean;
  /** A primary that nobody suspects. */
  readonly isSoundPrimary: boolean;
  /** First and last slot of each range that it holds. */
  readonly slots: readonly (readonly [from: number, to: number])[];
  /** Slots that are on their way to it, with the id of the node that they come from. It tells of its own only. */
  readonly importing: ReadonlyMap<number, string>;
}

/** What is no line of a node is left out. */
export function parseClusterNodes(text: string): readonly ClusterNode[] {
  return text.split("\n").flatMap((line) => parseNode(line) ?? []);
}

export function holdsSlot({ slots }: ClusterNode, slot: number): boolean {
  return slots.some(([from, to]) => from <= slot && slot <= to);
}

/** `<id> <ip:port@bus port[,host name[,…]]> <flags> <its primary> <ping> <pong> <epoch> <link> [<slot>|<from>-<to>|[moving]]…` */
function parseNode(line: string): ClusterNode | undefined {
  const [id, place = "", flagText = "", , , , , , ...ranges] = line.trim().split(" ");
  const [, ip, port, hostName] = /^(\S*):(\d{1,5})@\d{1,5}(?:,([^,=]*))?(?:,|$)/.exec(place) ?? [];
  if (id === undefined || ip === undefined || port === undefined) return undefined;
  const flags = flagText.split(",");
  const suspicious = ["fail", "fail?", "handshake", "noaddr", "slave"];
  return {
    id,
    address: formatEndpoint({ host: ip, port: Number(port) }),
    hostAddress: hostName === undefined || hostName === "" ? undefined : `${hostName}:${port}`,
    isMyself: flags.includes("myself"),
    isSoundPrimary: flags.includes("master") && !suspicious.some((flag) => flags.includes(flag)),
    slots: ranges.flatMap((range) => parseRange(range)),
    importing: new Map(ranges.flatMap(parseImport)),
  };
}

function parseRange(text: string): readonly (readonly [number, number])[] {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  return from === undefined ? [] : [[Number(from), Number(to)]];
}

/** `[<slot>-<-<id>]` */
function parseImport(text: string): readonly (readonly [number, string])[] {
  const [, slot, from] = /^\[(\d{1,5})-<-(\w+)\]$/.exec(text) ?? [];
  return from === undefined ? [] : [[Number(slot), from]];
}
