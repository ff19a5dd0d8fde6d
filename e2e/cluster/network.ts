import { readdirSync } from "node:fs";
import { run, succeeds } from "./command.ts";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import type { Outcome } from "./steps.ts";

/**
 * The commands that make the cluster's bridge on the host. Pure.
 *
 * The host needs no forwarding: it reaches Pods, Services and NodePorts as a neighbour of the nodes on the bridge, and the nodes
 * reach each other there too. What is left of the range goes nowhere, so that no stray packet leaves the machine.
 */
export function bridgeCommands(layout: ClusterLayout): readonly (readonly string[])[] {
  const [node1] = layout.nodes;
  return [
    ["ip", "addr", "replace", `${layout.hostAddress}/24`, "dev", layout.bridge],
    ["ip", "link", "set", layout.bridge, "up"],
    ["ip", "route", "replace", "blackhole", layout.range],
    ...layout.nodes.map((node) => ["ip", "route", "replace", node.podCidr, "via", node.address]),
    // Service addresses exist in the nodes' packet filters only; any node would do as the way in.
    ...(node1 === undefined ? [] : [["ip", "route", "replace", layout.serviceCidr, "via", node1.address]]),
  ];
}

/** The commands that bring up a node's own side, run inside its network namespace. Pure. */
export function nodeCommands(layout: ClusterLayout, node: NodeLayout): readonly (readonly string[])[] {
  const others = layout.nodes.filter((other) => other.name !== node.name);
  return [
    ["ip", "link", "set", "lo", "up"],
    ["ip", "addr", "replace", `${node.address}/24`, "dev", "eth0"],
    ["ip", "link", "set", "eth0", "up"],
    ["ip", "route", "replace", "default", "via", layout.hostAddress],
    ...others.map((other) => ["ip", "route", "replace", other.podCidr, "via", other.address]),
    ["sysctl", "-qw", "net.ipv4.ip_forward=1"],
  ];
}

export async function ensureBridge(layout: ClusterLayout): Promise<Outcome> {
  const exists = await succeeds(["ip", "link", "show", layout.bridge]);
  if (!exists) await run(["ip", "link", "add", layout.bridge, "type", "bridge"]);
  for (const command of bridgeCommands(layout)) await run(command);
  return exists ? "unchanged" : "done";
}

/** Lays the cable between the bridge and a node's namespace. It goes away with either end. */
export async function ensureCable(layout: ClusterLayout, node: NodeLayout, holder: ProcessIdentity): Promise<void> {
  const pid = String(holder.pid);
  const inside = ["nsenter", `--target=${pid}`, "--net", "--"];
  if (!(await succeeds([...inside, "ip", "link", "show", "eth0"]))) {
    // A cable whose node is dead may be there for a moment still.
    await succeeds(["ip", "link", "del", node.interface]);
    await run(["ip", "link", "add", node.interface, "type", "veth", "peer", "name", "eth0", "netns", pid]);
  }
  await run(["ip", "link", "set", node.interface, "master", layout.bridge, "up"]);
  for (const command of nodeCommands(layout, node)) await run([...inside, ...command]);
}

/** Takes cables, bridge and routes away; says whether there was anything. */
export async function removeNetwork(layout: ClusterLayout): Promise<boolean> {
  // The kernel would remove a dead node's cable too, but at its leisure.
  const links = readdirSync("/sys/class/net").filter((link) => link.startsWith(layout.bridge));
  for (const link of links) await succeeds(["ip", "link", "del", link]);
  const route = await succeeds(["ip", "route", "del", "blackhole", layout.range]);
  return links.length > 0 || route;
}
