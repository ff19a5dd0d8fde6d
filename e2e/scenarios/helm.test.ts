import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { kubectl } from "../kubectl.ts";
import { operatorImages } from "../images.ts";

const run = promisify(execFile);

test("helm lint, install for one namespace, upgrade and uninstall; the CRD and its objects outlive the release", async () => {
  await using ns = await given.namespace("e2e-helm");
  const { stdout } = await run("helm", ["lint", "--strict", "charts/belay"]);
  expect(stdout).toContain("0 chart(s) failed");
  await expect(run("helm", ["template", "x", "charts/belay", "--set", "replicas=none"])).rejects.toThrow(/replicas/);

  const { operator, gateway, redis } = await operatorImages();
  const [repository, tag] = [
    operator.slice(0, operator.lastIndexOf(":")),
    operator.slice(operator.lastIndexOf(":") + 1),
  ];
  const values = [
    "--set",
    `image.repository=${repository}`,
    "--set",
    `image.tag=${tag}`,
    "--set",
    `gatewayImage=${gateway}`,
    "--set",
    `redisImage=${redis}`,
    "--set",
    `watchNamespaces={${ns.name}}`,
    "--set",
    "metricsApi.enabled=false",
    "--set",
    "crds.install=false",
  ];
  await run("helm", ["install", "second", "charts/belay", "-n", ns.name, ...values, "--wait", "--timeout", "120s"]);
  const account = `system:serviceaccount:${ns.name}:second-belay`;
  expect(await canI(account, ["get", "secrets", "-n", ns.name])).toBe("yes");
  expect(await canI(account, ["get", "secrets", "-n", "kube-system"])).toBe("no");
  await run("helm", [
    "upgrade",
    "second",
    "charts/belay",
    "-n",
    ns.name,
    ...values,
    "--set",
    "logLevel=debug",
    "--wait",
    "--timeout",
    "120s",
  ]);
  await run("helm", ["uninstall", "second", "-n", ns.name, "--wait", "--timeout", "120s"]);
  await eventuallyTrue(
    "no operator pod left",
    { withinMs: 60_000 },
    async () => (await kubectl(["-n", ns.name, "get", "pods", "-o", "name"])) === "",
  );
  expect(await kubectl(["get", "crd", "realtimeclusters.belay.dev", "-o", "name"])).toContain("realtimeclusters");
}, 400_000);

async function canI(account: string, question: readonly string[]): Promise<string> {
  try {
    return (await kubectl(["auth", "can-i", ...question, `--as=${account}`])).trim();
  } catch {
    // kubectl exits with 1 for "no".
    return "no";
  }
}
