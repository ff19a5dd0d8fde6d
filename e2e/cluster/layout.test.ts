import { BlockList } from "node:net";
import { describe, expect, it, test } from "vitest";
import { type ClusterLayout, layoutProblem, makeLayout, maxNodes, slots } from "./layout.ts";

function layout(name: string, slot: number, nodes = maxNodes): ClusterLayout {
  return makeLayout({ name, slot, nodes, runDir: "/run/belay" });
}

function ranges(of: ClusterLayout): readonly string[] {
  return [of.podCidr, of.serviceCidr, of.nodeCidr];
}

function first(cidr: string): number {
  const [address = ""] = cidr.split("/");
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function overlap(one: string, other: string): boolean {
  const sizes = [one, other].map((cidr) => 2 ** (32 - Number(cidr.split("/")[1])));
  const [a, b] = [first(one), first(other)];
  return a < b + (sizes[1] ?? 0) && b < a + (sizes[0] ?? 0);
}

function inside(cidr: string, address: string): boolean {
  const list = new BlockList();
  const [network = "", bits] = cidr.split("/");
  list.addSubnet(network, Number(bits));
  return list.check(address);
}

/** Everything by which two clusters could get into each other's way. */
function places(of: ClusterLayout): readonly string[] {
  const nodes = of.nodes.flatMap((node) => [
    node.address,
    node.podCidr,
    node.interface,
    node.cgroup,
    node.stateDir,
    node.socket,
  ]);
  return [
    of.stateDir,
    of.bridge,
    of.range,
    of.hostAddress,
    of.loopback,
    of.dnsAddress,
    of.apiServer,
    of.kubeconfig,
    ...nodes,
  ];
}

test("no two clusters of different slots share a range or a place", () => {
  const all = Array.from({ length: slots }, (_, slot) => layout(`c${slot}`, slot));
  const everything = all.flatMap(places);
  expect(new Set(everything).size).toBe(everything.length);
  for (const one of all) {
    for (const other of all.filter(({ slot }) => slot !== one.slot)) {
      expect(overlap(one.range, other.range)).toBe(false);
    }
  }
});

test.each(Array.from({ length: slots }, (_, slot) => [slot]))(
  "slot %i lies within the benchmark range, its parts apart",
  (slot) => {
    const made = layout("c", slot);
    expect(overlap(made.range, "198.18.0.0/15")).toBe(true);
    for (const range of ranges(made)) expect(overlap(range, made.range)).toBe(true);
    const [pods = "", services = "", nodes = ""] = ranges(made);
    expect([overlap(pods, services), overlap(services, nodes), overlap(pods, nodes)]).toEqual([false, false, false]);
  },
);

test("addresses are inside the ranges they belong to", () => {
  const made = layout("c", 7);
  expect(inside("198.18.0.0/15", made.hostAddress)).toBe(true);
  expect(inside(made.serviceCidr, made.dnsAddress)).toBe(true);
  for (const node of made.nodes) {
    expect(inside(made.nodeCidr, node.address)).toBe(true);
    expect(inside(made.podCidr, node.podCidr.split("/")[0] ?? "")).toBe(true);
  }
});

test("interface names fit the kernel's 15 characters, sockets its 107", () => {
  const made = layout("a-name-of-20-letters", slots - 1);
  for (const node of made.nodes) {
    expect(node.interface.length).toBeLessThanOrEqual(15);
    expect(node.socket.length).toBeLessThanOrEqual(107);
  }
});

test("the addresses of the two standing clusters, as the documentation names them", () => {
  expect(layout("belay", 0, 2)).toMatchObject({
    hostAddress: "198.18.48.1",
    podCidr: "198.18.0.0/19",
    serviceCidr: "198.18.32.0/20",
  });
  expect(layout("test", 1, 2).nodes.map((node) => node.address)).toEqual(["198.18.112.11", "198.18.112.12"]);
});

describe("what cannot be laid out is named", () => {
  it.each([
    ["Belay", 2, /CLUSTER must be .* was: Belay/],
    ["", 2, /CLUSTER/],
    ["a".repeat(21), 2, /CLUSTER/],
    ["../x", 2, /CLUSTER/],
    ["slots", 2, /CLUSTER must be none of slots/],
    ["belay", 0, /NODES must be 1 to 8, was: 0/],
    ["belay", 9, /NODES/],
    ["belay", 1.5, /NODES/],
    ["belay", Number.NaN, /NODES/],
  ])("%j with %d nodes", (name, nodes, problem) => {
    expect(layoutProblem(name, nodes)).toMatch(problem);
  });

  it("and nothing of what can", () => {
    expect(layoutProblem("belay", 2)).toBeUndefined();
  });
});
