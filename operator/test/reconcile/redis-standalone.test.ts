import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given } from "./given.ts";

interface StatefulSetSpec {
  readonly replicas: number;
  readonly persistentVolumeClaimRetentionPolicy?: unknown;
  readonly volumeClaimTemplates?: unknown;
  readonly template: { readonly spec: { readonly volumes: readonly { readonly name: string }[] } };
}

async function pass(redis: unknown): Promise<{ spec: StatefulSetSpec; config: string; made: readonly string[] }> {
  const given = new Given();
  await given.cluster({ replicas: 1, redis });
  await given.pass();
  const data = (await given.read(RESOURCES.configMaps, "chat-redis"))?.["data"] as Readonly<Record<string, string>>;
  return {
    spec: (await given.read(RESOURCES.statefulSets, "chat-redis"))?.["spec"] as StatefulSetSpec,
    config: data["redis.conf"] ?? "",
    made: await given.children(),
  };
}

test("[RS13] one Redis with persistence keeps a volume and writes its file; the volume goes with the RealtimeCluster only", async () => {
  const { spec, config, made } = await pass({
    type: "managed",
    persistence: { size: "2Gi", storageClassName: "fast" },
  });
  expect(spec).toMatchObject({
    replicas: 1,
    persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
    volumeClaimTemplates: [
      {
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], storageClassName: "fast", resources: { requests: { storage: "2Gi" } } },
      },
    ],
  });
  expect(spec.template.spec.volumes.map(({ name }) => name)).not.toContain("data");
  expect(config).toContain("appendonly yes\nappendfsync everysec\n");
  // A budget for one pod would only keep its node from being drained.
  expect(made.filter((each) => each.startsWith("PodDisruptionBudget") && each.includes("redis"))).toEqual([]);
});

test("[RS13] one Redis without persistence has a directory that goes with its pod", async () => {
  const { spec, config } = await pass({ type: "managed" });
  expect(spec.volumeClaimTemplates).toBeUndefined();
  expect(spec.template.spec.volumes).toContainEqual({ name: "data", emptyDir: {} });
  expect(config).toContain("appendonly no\n");
});
