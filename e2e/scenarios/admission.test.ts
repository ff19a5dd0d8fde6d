import { invalidChanges, invalidClusters } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as given from "../given.ts";
import { kubectl } from "../kubectl.ts";

describe("an invalid RealtimeCluster is refused by the API server, with the field and the rule", () => {
  let ns: given.Namespace;
  beforeAll(async () => {
    ns = await given.namespace("e2e-admission");
  });
  afterAll(async () => {
    await ns[Symbol.asyncDispose]();
  });

  test("there are at least 20 kinds", () => {
    expect(invalidClusters.length).toBeGreaterThanOrEqual(20);
  });

  test.each(invalidClusters.map((each) => [each.title, each] as const))(
    "%s",
    async (_title, { name = "refused", spec, refusal }) => {
      const object = {
        apiVersion: "belay.dev/v1alpha1",
        kind: "RealtimeCluster",
        metadata: { name, namespace: ns.name },
        spec,
      };
      await expect(kubectl(["apply", "--validate=strict", "-f", "-"], object)).rejects.toThrow(refusal);
      await expect(kubectl(["-n", ns.name, "get", "rtc", name])).rejects.toThrow("not found");
    },
  );

  test.each(invalidChanges.map((each, index) => [each.title, { ...each, name: `changed-${index}` }] as const))(
    "%s",
    async (_title, { name, from, to, refusal }) => {
      await given.realtimeCluster(ns, name, from);
      await expect(given.patchCluster(ns, name, to)).rejects.toThrow(refusal);
      await kubectl(["-n", ns.name, "delete", "rtc", name]);
    },
  );
});
