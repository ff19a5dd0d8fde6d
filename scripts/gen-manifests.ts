/**
 * The rendered install: what `helm template` makes of the chart, for those who do not run helm. helm is the one that `make up` has
 * built; where it has built none, the file proves by a digest in its first line that chart and file still belong together.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { openCache } from "../e2e/cluster/cache.ts";
import { contentKey } from "../e2e/cluster/content-key.ts";
import { pins } from "../e2e/cluster/pins.ts";
import { parseSettings } from "../e2e/cluster/settings.ts";
import type { Generated } from "./generated.ts";

const root = join(import.meta.dirname, "..");
const chart = "charts/belay";
const path = "manifests/base/install.yaml";
const namespace = "belay-system";

const namespaceObject = `apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

export async function genManifests(): Promise<readonly Generated[]> {
  const inputs = chartInputs();
  const helm = await builtHelm();
  if (helm !== undefined) return [{ path, text: sealed(inputs, render(helm)) }];
  const text = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  if (!isSealed(inputs, text)) {
    throw new Error(
      `${path} does not belong to ${chart}, and helm is not here to make it: run \`make cluster-up\` once`,
    );
  }
  console.log(`helm is not built on this machine: ${path} was checked by its digest alone`);
  return [];
}

async function builtHelm(): Promise<string | undefined> {
  const parsed = parseSettings(process.env);
  if ("problems" in parsed) throw new Error(parsed.problems.join("\n"));
  const helm = join((await openCache(parsed.settings.cacheRoot)).bin, "helm");
  return existsSync(helm) ? helm : undefined;
}

/** Names and contents, not modes: those depend on who checked the repository out. */
function chartInputs(): readonly string[] {
  const files = readdirSync(join(root, chart), { recursive: true, encoding: "utf8" })
    .filter((file) => statSync(join(root, chart, file)).isFile())
    .sort();
  return [pins.kubernetes, ...files.flatMap((file) => [file, readFileSync(join(root, chart, file), "utf8")])];
}

function render(helm: string): string {
  const version = pins.kubernetes.replace("v", "");
  const args = ["template", "belay", chart, `--namespace=${namespace}`, `--kube-version=${version}`];
  const rendered = execFileSync(helm, args, { cwd: root, encoding: "utf8" });
  return `${namespaceObject}${withoutHelm(rendered)}`;
}

/** Who applies this file has no release, so nothing may say that helm keeps it. Pure. */
export function withoutHelm(rendered: string): string {
  return rendered
    .split("\n")
    .filter((line) => !/^\s+(app\.kubernetes\.io\/managed-by|helm\.sh\/chart): |^# Source: /.test(line))
    .join("\n");
}

function firstLine(inputs: readonly string[], body: string): string {
  return `# Made from ${chart} by \`npm run gen\`. Do not edit. ${contentKey([...inputs, body])}\n`;
}

/** Pure. */
export function sealed(inputs: readonly string[], body: string): string {
  return `${firstLine(inputs, body)}${body}`;
}

/** Whether `text` is what {@link sealed} made of these inputs and nobody has touched it since. Pure. */
export function isSealed(inputs: readonly string[], text: string): boolean {
  const body = text.slice(text.indexOf("\n") + 1);
  return text === sealed(inputs, body);
}
