/** Schema of the gateway pods: resources and what a person may add to the pod template. */
import { z } from "zod";
import { annotationMap, dataKey, labelMap, nodeSelectorMap, objectName, quantity, rules } from "../fields.ts";
import type { GatewaySpec, ResourceSpec, StorageSpec } from "./gen/types.ts";

const amounts = z.strictObject({
  cpu: quantity().exactOptional().describe("CPU, such as 250m."),
  memory: quantity().exactOptional().describe("Memory, such as 256Mi."),
  "ephemeral-storage": quantity().exactOptional().describe("Scratch space on the node."),
});

export const resources: z.ZodType<ResourceSpec> = z
  .strictObject({
    requests: amounts.exactOptional().describe("What the scheduler sets aside."),
    limits: amounts.exactOptional().describe("What the container may use at most."),
  })
  .meta({ typeName: "ResourceSpec" });

export const storage: z.ZodType<StorageSpec> = z
  .strictObject({
    size: quantity().describe("Size of the volume, such as 1Gi."),
    storageClassName: objectName.exactOptional().describe("StorageClass; the cluster's default when absent."),
  })
  .meta({ typeName: "StorageSpec" });

const keyRef = z.strictObject({
  name: objectName.describe("Name of the object in the same namespace."),
  key: dataKey.describe("Key inside it."),
});

const envVar = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .describe("Name of the variable."),
    value: z.string().max(4096).exactOptional().describe("Plain value."),
    valueFrom: z
      .strictObject({
        secretKeyRef: keyRef.exactOptional().describe("Value from a Secret."),
        configMapKeyRef: keyRef.exactOptional().describe("Value from a ConfigMap."),
      })
      .meta(rules(["has(self.secretKeyRef) != has(self.configMapKeyRef)", "env valueFrom needs exactly one source"]))
      .exactOptional()
      .describe("Value from a Secret or ConfigMap."),
  })
  .meta({
    typeName: "EnvVar",
    ...rules(
      ["has(self.value) != has(self.valueFrom)", "env needs either value or valueFrom"],
      [
        "!(self.name in ['POD_UID', 'POD_NAME', 'BELAY_REVISION'])",
        "env: POD_UID, POD_NAME and BELAY_REVISION are reserved for the operator",
      ],
    ),
  });

const toleration = z
  .strictObject({
    key: z.string().max(317).exactOptional().describe("Taint key; every taint when absent with operator Exists."),
    operator: z.enum(["Exists", "Equal"]).default("Equal").describe("How value is compared."),
    value: z.string().max(63).exactOptional().describe("Taint value."),
    effect: z
      .enum(["NoSchedule", "PreferNoSchedule", "NoExecute"])
      .exactOptional()
      .describe("Taint effect; every one when absent."),
    tolerationSeconds: z.int32().min(0).exactOptional().describe("How long a NoExecute taint is tolerated."),
  })
  .meta(
    rules(
      ["self.operator != 'Equal' || has(self.key)", "tolerations: operator Equal needs a key"],
      ["self.operator != 'Exists' || !has(self.value)", "tolerations: operator Exists takes no value"],
    ),
  );

const spreadConstraint = z
  .strictObject({
    maxSkew: z.int32().min(1).max(1000).describe("Largest difference between two domains."),
    topologyKey: z.string().min(1).max(317).describe("Node label that names the domain."),
    whenUnsatisfiable: z.enum(["DoNotSchedule", "ScheduleAnyway"]).describe("What happens when it cannot be met."),
    minDomains: z.int32().min(1).max(1000).exactOptional().describe("Least number of domains; needs DoNotSchedule."),
    nodeAffinityPolicy: z
      .enum(["Honor", "Ignore"])
      .exactOptional()
      .describe("Whether node affinity narrows the nodes."),
    nodeTaintsPolicy: z.enum(["Honor", "Ignore"]).exactOptional().describe("Whether taints narrow the nodes."),
  })
  .meta(
    rules([
      "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
      "topologySpreadConstraints: minDomains needs whenUnsatisfiable DoNotSchedule",
    ]),
  );

const affinity = z.strictObject({
  nodeAffinity: z.looseObject({}).exactOptional().describe("As in a Pod."),
  podAffinity: z.looseObject({}).exactOptional().describe("As in a Pod."),
  podAntiAffinity: z.looseObject({}).exactOptional().describe("As in a Pod."),
});

const podTemplate = z
  .strictObject({
    labels: labelMap("podTemplate.labels").exactOptional().describe("Labels added to the pods."),
    annotations: annotationMap("podTemplate.annotations").exactOptional().describe("Annotations added to the pods."),
    env: z
      .array(envVar)
      .max(64)
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] })
      .exactOptional()
      .describe("Environment added to the gateway container."),
    affinity: affinity.exactOptional().describe("Affinity of the pods."),
    topologySpreadConstraints: z
      .array(spreadConstraint)
      .max(8)
      .exactOptional()
      .describe("Spread over domains, counted among pods of one revision. Absent: over nodes where possible."),
    tolerations: z.array(toleration).max(32).exactOptional().describe("Taints the pods tolerate."),
    nodeSelector: nodeSelectorMap().exactOptional().describe("Labels a node must have."),
  })
  .meta({ typeName: "PodTemplateSpec" });

const defaultResources: ResourceSpec = { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "1Gi" } };

const schema = z
  .strictObject({
    resources: resources.default(defaultResources).describe("Resources of the gateway container."),
    podTemplate: podTemplate.default({}).describe("What is added to the pod template. A change replaces the pods."),
  })
  .meta({ typeName: "GatewaySpec" });

export const gateway: z.ZodType<GatewaySpec> = schema.default(schema.parse({}));
