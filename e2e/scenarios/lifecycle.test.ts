import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { applyObject, kubectl } from "../kubectl.ts";

const kinds =
  "deployments,replicasets,statefulsets,pods,services,endpointslices,configmaps,secrets,serviceaccounts,pdb,networkpolicies,hpa,pvc";

test("the sample is Ready within 20 s, shows its columns, and leaves nothing behind when it is deleted", async () => {
  await using ns = await given.namespace("e2e-lifecycle");
  const sample = parse(await readFile("manifests/samples/minimal.yaml", "utf8")) as {
    metadata: { name: string; namespace?: string };
  };
  sample.metadata.namespace = ns.name;
  const { name } = sample.metadata;
  await eventuallyTrue(
    "default ServiceAccount and CA",
    { withinMs: 10_000 },
    async () => (await listAll(ns.name)).length >= 2,
  );
  const before = await listAll(ns.name);

  await applyObject(sample);
  const { tookMs } = await given.readyCluster(ns, name, 20_000);
  console.log(`sample Ready after ${tookMs} ms`);

  const table = await kubectl(["-n", ns.name, "get", "rtc"]);
  expect(table.split("\n")[0]?.split(/\s+/).filter(Boolean)).toEqual(
    expect.arrayContaining(["NAME", "REPLICAS", "READY", "CONNECTIONS", "PHASE", "AGE"]),
  );
  expect(table.split("\n")[1]).toMatch(/\s2\s+2\s+0\s+Ready\s/);

  await kubectl(["-n", ns.name, "delete", "rtc", name]);
  const { tookMs: goneMs } = await eventually("nothing left", { withinMs: 60_000, everyMs: 300 }, async () => {
    const left = (await listAll(ns.name)).filter((each) => !before.includes(each));
    if (left.length === 0) return true;
    throw new Error(left.join(" "));
  });
  console.log(`nothing left after ${goneMs} ms`);
});

async function listAll(ns: string): Promise<readonly string[]> {
  return (await kubectl(["-n", ns, "get", kinds, "-o", "name", "--ignore-not-found"])).split("\n").filter(Boolean);
}
