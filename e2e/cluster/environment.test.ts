import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { exportLines } from "./environment.ts";

const environment = {
  cluster: "belay",
  provider: "local",
  kubeconfig: "/run/belay/belay/kubeconfig/admin.conf",
  bin: "/opt/cache/belay/0123456789abcdef/bin",
  nodeAddress: "198.18.48.11",
} as const;

test("the lines, as a person sees them", () => {
  expect(exportLines(environment).split("\n")).toEqual([
    "export BELAY_CLUSTER='belay'",
    "export BELAY_PROVIDER='local'",
    "export BELAY_NODE_ADDRESS='198.18.48.11'",
    "export KUBECONFIG='/run/belay/belay/kubeconfig/admin.conf'",
    "export PATH='/opt/cache/belay/0123456789abcdef/bin':\"$PATH\"",
  ]);
});

test("a shell reads back what was written, whatever is in a path", () => {
  const kubeconfig = `/home/o'brien/a b/$HOME/"x"`;
  const script = `${exportLines({ ...environment, kubeconfig })}\nprintf '%s' "$KUBECONFIG"`;
  expect(execFileSync("sh", ["-c", script], { encoding: "utf8" })).toBe(kubeconfig);
});
