import { expect, test } from "vitest";
import { makeLayout } from "./layout.ts";
import { bridgeCommands, nodeCommands } from "./network.ts";

const layout = makeLayout({ name: "belay", slot: 0, nodes: 2, runDir: "/run/belay" });
const lines = (commands: readonly (readonly string[])[]): readonly string[] =>
  commands.map((command) => command.join(" "));

test("the host reaches every node's pods through that node, and Services through the first", () => {
  expect(lines(bridgeCommands(layout))).toEqual([
    "ip addr replace 198.18.48.1/24 dev bly0",
    "ip link set bly0 up",
    "ip route replace blackhole 198.18.0.0/18",
    "ip route replace 198.18.1.0/24 via 198.18.48.11",
    "ip route replace 198.18.2.0/24 via 198.18.48.12",
    "ip route replace 198.18.32.0/20 via 198.18.48.11",
  ]);
});

test("a node reaches the other nodes' pods directly, its own through its bridge", () => {
  const [node1] = layout.nodes;
  expect(node1).toBeDefined();
  if (node1 === undefined) return;
  expect(lines(nodeCommands(layout, node1))).toContain("ip route replace 198.18.2.0/24 via 198.18.48.12");
  expect(lines(nodeCommands(layout, node1)).join("\n")).not.toContain(node1.podCidr);
});
