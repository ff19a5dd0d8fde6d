/**
 * Writes every generated file; with `--check` writes nothing and fails, naming the files that differ. Order matters: the types come
 * first, because the other generators import modules that use them (types only, so that a missing file does not stop the first run).
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { genCrd } from "./gen-crd.ts";
import { genReference } from "./gen-reference.ts";
import { genTypes } from "./gen-types.ts";

/** A file with its path from the repository's root. */
export interface Generated {
  readonly path: string;
  readonly text: string;
}

const generators: readonly (() => readonly Generated[])[] = [genTypes, genCrd, genReference];
const root = join(import.meta.dirname, "..");

async function main(isCheck: boolean): Promise<void> {
  const stale: string[] = [];
  for (const { path, text } of generators.flatMap((generate) => generate())) {
    const file = join(root, path);
    const before = await readFile(file, "utf8").catch(() => undefined);
    if (before === text) continue;
    stale.push(path);
    if (isCheck) continue;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  for (const path of stale) console.log(`${isCheck ? "differs" : "wrote"} ${path}`);
  if (isCheck && stale.length > 0) {
    console.log("run `npm run gen` and commit what it writes");
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.includes("--check"));
