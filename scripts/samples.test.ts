import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { specSchema } from "../operator/src/api/v1alpha1/schema.ts";

interface Sample {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
}

const root = join(import.meta.dirname, "..");
const files = globSync(["manifests/samples/*.yaml", "examples/*/kubernetes.yaml"], { cwd: root });

test.each(files)("%s holds a RealtimeCluster whose every field the schema knows", (file) => {
  const objects = parseAllDocuments(readFileSync(join(root, file), "utf8")).map((each) => each.toJS() as Sample);
  const clusters = objects.filter(({ kind }) => kind === "RealtimeCluster");
  expect(clusters).toHaveLength(1);
  for (const { spec } of clusters) expect(specSchema.safeParse(spec).error).toBeUndefined();
});

test("there are samples", () => {
  expect(files.length).toBeGreaterThanOrEqual(5);
});
