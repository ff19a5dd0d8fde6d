/**
 * Writes every generated file; with `--check` writes nothing and fails, naming the files that differ. Order matters: the types come
 * first, because the other generators import modules that use them (types only, so that a missing file does not stop the first run),
 * and what is rendered from the chart comes last. Each generator reads what those before it have written.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { genCodes } from "./gen-codes.ts";
import { genCrd } from "./gen-crd.ts";
import { genGatewayConfig } from "./gen-gateway-config.ts";
import { genManifests } from "./gen-manifests.ts";
import { genOpenApi } from "./gen-openapi.ts";
import { genPermissions } from "./gen-permissions.ts";
import { genRbac } from "./gen-rbac.ts";
import { genReference } from "./gen-reference.ts";
import { genSdk } from "./gen-sdk.ts";
import { genServerApi } from "./gen-server-api.ts";
import { genTypes } from "./gen-types.ts";
import type { Generated } from "./generated.ts";

type Generator = () => readonly Generated[] | Promise<readonly Generated[]>;

const generators: readonly Generator[] = [
  genTypes,
  genCrd,
  genReference,
  genOpenApi,
  genServerApi,
  genCodes,
  genSdk,
  genGatewayConfig,
  genPermissions,
  genRbac,
  genManifests,
];
const root = join(import.meta.dirname, "..");

async function main(isCheck: boolean): Promise<void> {
  const stale: string[] = [];
  for (const generate of generators) {
    for (const file of await generate()) if (await update(file, isCheck)) stale.push(file.path);
  }
  for (const path of stale) console.log(`${isCheck ? "differs" : "wrote"} ${path}`);
  if (isCheck && stale.length > 0) {
    console.log("run `npm run gen` and commit what it writes");
    process.exitCode = 1;
  }
}

/** Whether the file differed. */
async function update({ path, text }: Generated, isCheck: boolean): Promise<boolean> {
  const file = join(root, path);
  const before = await readFile(file, "utf8").catch(() => undefined);
  if (before === text) return false;
  if (!isCheck) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return true;
}

if (import.meta.main) await main(process.argv.includes("--check"));
