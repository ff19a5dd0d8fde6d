/** The CustomResourceDefinition, made from the schemas; written to crds/ by `npm run gen`. */
import { CEL_RULES } from "../fields.ts";
import { RESOURCES } from "../../kube/resources.ts";
import { toStructural, type Schema } from "../structural.ts";
import { specSchema } from "./schema.ts";
import { statusSchema } from "./status-schema.ts";

/** Children are named `<name>-<suffix>` and must fit the 63 characters of a Service and a label. */
const MAX_NAME_LENGTH = 40;

const nameRules = [
  {
    rule: `size(self.metadata.name) <= ${MAX_NAME_LENGTH}`,
    message: `metadata.name must be no longer than ${MAX_NAME_LENGTH} characters: the names of its children are made from it`,
  },
  {
    rule: "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message: "metadata.name must begin with a letter and hold only a-z, 0-9 and -: it names a Service",
  },
];

const columns = [
  { name: "Replicas", type: "integer", jsonPath: ".status.replicas", description: "Accepted desired count" },
  {
    name: "Ready",
    type: "integer",
    jsonPath: ".status.readyReplicas",
    description: "Ready pods that take new connections",
  },
  { name: "Connections", type: "integer", jsonPath: ".status.connections", description: "Open connections" },
  { name: "Phase", type: "string", jsonPath: ".status.phase", description: "One word for the state" },
  { name: "Revision", type: "string", jsonPath: ".status.revision", priority: 1, description: "Serving revision" },
  { name: "Endpoint", type: "string", jsonPath: ".status.endpoint", priority: 1, description: "URL for clients" },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

export function openApiSchema(): Schema {
  return {
    type: "object",
    description: "RealtimeCluster is a set of WebSocket gateways that share channels through Redis.",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: { description: "What is wanted.", ...toStructural(specSchema, "person"), default: {} },
      status: { description: "What is.", ...toStructural(statusSchema, "operator") },
    },
    [CEL_RULES]: nameRules,
  };
}

export function customResourceDefinition(): object {
  const { plural, kind } = RESOURCES.realtimeClusters;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.belay.dev` },
    spec: {
      group: "belay.dev",
      scope: "Namespaced",
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List`, shortNames: ["rtc"] },
      versions: [
        {
          name: "v1alpha1",
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.replicas",
              statusReplicasPath: ".status.replicas",
              labelSelectorPath: ".status.selector",
            },
          },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: openApiSchema() },
        },
      ],
    },
  };
}
