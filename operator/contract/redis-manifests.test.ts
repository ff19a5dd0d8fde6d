import { RESOURCES } from "@belay/operator/internal";
import { ControlPlane, type ControlPlaneClient, controlPlaneBinaries } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { specSchema } from "../src/api/v1alpha1/schema.ts";
import type { RealtimeCluster } from "../src/api/v1alpha1/realtime-cluster.ts";
import { isDrifted } from "../src/plan/drift.ts";
import { appliedChildren } from "../src/resources/children.ts";
import type { Manifest } from "../src/resources/manifest.ts";

const bin = controlPlaneBinaries();
const ours = { fieldManager: "belay-operator", force: true };
const installation = { gatewayImage: "gateway:1", redisImage: "redis:1", operatorNamespace: "belay-system" };

function cluster(redis: unknown): RealtimeCluster {
  return {
    // The longest name there may be.
    metadata: {
      name: "a".repeat(40),
      namespace: "default",
      uid: "5a0c0f5e-0000-4000-8000-00000000cafe",
      generation: 1,
    },
    spec: specSchema.parse({ redis }),
    status: {},
  };
}

describe.skipIf(bin === undefined)("what a real API server makes of the managed Redis", () => {
  let plane: ControlPlane;
  let admin: ControlPlaneClient;
  beforeAll(async () => {
    plane = await ControlPlane.start(bin ?? "");
    admin = await plane.connect();
  });
  afterAll(async () => {
    await admin[Symbol.asyncDispose]();
    await plane[Symbol.asyncDispose]();
  });

  test.each([
    ["one", { type: "managed", persistence: { size: "1Gi" } }, 1],
    ["Sentinel", { type: "managed", mode: "sentinel", failover: { antiAffinity: "required" } }, 2],
  ])("[RC1] every child of %s is accepted whole and shows no drift afterwards", async (_, redis, sets) => {
    const children = appliedChildren({ cluster: cluster(redis), installation }, "r", []);
    const redisChildren = children.filter(({ manifest }) => manifest.metadata.name !== "a".repeat(40));
    expect(redisChildren.filter(({ resource }) => resource === RESOURCES.statefulSets)).toHaveLength(sets);
    for (const { resource, manifest } of redisChildren) {
      const live = await admin.client.apply<Manifest>(resource, manifest, ours);
      expect(isDrifted(manifest, live), `${manifest.kind} ${manifest.metadata.name}`).toBe(false);
    }
  });
});
