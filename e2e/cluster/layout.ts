/** The largest number of Kubernetes nodes of one cluster: its pod range has 32 networks of 256 addresses. */
export const maxNodes = 8;

/**
 * How many clusters can stand side by side. The benchmark range 198.18.0.0/15 is cut
 * into eight parts of 16,384 addresses. It is nobody's private network, so a route into it can hide nothing.
 */
export const slots = 8;

/** One Kubernetes node: a network, mount and process namespace of this machine. */
export interface NodeLayout {
  readonly name: string;
  readonly address: string;
  readonly podCidr: string;
  /** The host's end of the cable; at most 15 characters (IFNAMSIZ). */
  readonly interface: string;
  /** Two kubelets under one cgroup delete each other's pods. */
  readonly cgroup: string;
  readonly stateDir: string;
  readonly socket: string;
}

/** Where everything of one cluster is. Two layouts with different slots share nothing. */
export interface ClusterLayout {
  readonly name: string;
  readonly slot: number;
  readonly runDir: string;
  /** A tmpfs of its own: one umount removes all state. */
  readonly stateDir: string;
  readonly bridge: string;
  readonly range: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly nodeCidr: string;
  /** This machine on the cluster's bridge: API server and DNS listen here, so ports can be the usual ones in every cluster. */
  readonly hostAddress: string;
  /** What only the control plane may reach listens here, again with the usual ports. */
  readonly loopback: string;
  readonly dnsAddress: string;
  readonly apiServer: string;
  readonly kubeconfig: string;
  readonly nodes: readonly NodeLayout[];
}

const base = (198 << 24) + (18 << 16);
const slotSize = 1 << 14;

function dotted(offset: number): string {
  const value = base + offset;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

const clusterName = /^[a-z][a-z0-9-]{0,19}$/;

/** Why a cluster cannot be laid out like this, or nothing. */
export function layoutProblem(name: string, nodes: number): string | undefined {
  if (!clusterName.test(name))
    return `CLUSTER must be 1 to 20 of a-z, 0-9 and "-", beginning with a letter, was: ${name}`;
  if (name === "slots" || name === "bin")
    return `CLUSTER must be none of slots, bin (directories of ours), was: ${name}`;
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > maxNodes) return `NODES must be 1 to ${maxNodes}, was: ${nodes}`;
  return undefined;
}

export interface LayoutRequest {
  readonly name: string;
  readonly slot: number;
  readonly nodes: number;
  readonly runDir: string;
}

/** Pure: the same request always gives the same places. */
export function makeLayout({ name, slot, nodes, runDir }: LayoutRequest): ClusterLayout {
  const start = slot * slotSize;
  const stateDir = `${runDir}/${name}`;
  const hostAddress = dotted(start + 0x3001);
  return {
    name,
    slot,
    runDir,
    stateDir,
    bridge: `bly${slot}`,
    range: `${dotted(start)}/18`,
    podCidr: `${dotted(start)}/19`,
    serviceCidr: `${dotted(start + 0x2000)}/20`,
    nodeCidr: `${dotted(start + 0x3000)}/24`,
    hostAddress,
    loopback: `127.198.18.${slot + 1}`,
    dnsAddress: dotted(start + 0x2000 + 10),
    apiServer: `https://${hostAddress}:6443`,
    kubeconfig: `${stateDir}/kubeconfig/admin.conf`,
    nodes: Array.from({ length: nodes }, (_, index) => makeNode({ name, slot, stateDir }, index + 1)),
  };
}

function makeNode(cluster: { name: string; slot: number; stateDir: string }, number: number): NodeLayout {
  const start = cluster.slot * slotSize;
  const name = `node${number}`;
  const stateDir = `${cluster.stateDir}/${name}`;
  return {
    name,
    address: dotted(start + 0x3000 + 10 + number),
    podCidr: `${dotted(start + number * 256)}/24`,
    interface: `bly${cluster.slot}n${number}`,
    cgroup: `bly${cluster.slot}-${name}`,
    stateDir,
    socket: `${stateDir}/containerd.sock`,
  };
}
