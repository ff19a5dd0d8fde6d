/** `npm run fences`: no import against the architecture. The rules are in fence-rules.ts, the tables in fence-tables.ts. */
import { globSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { type Declared, violations } from "./fence-rules.ts";
import { workspaces } from "./fence-tables.ts";
import { readImports } from "./import-graph.ts";

const root = resolve(import.meta.dirname, "..");

function readJson<T>(...path: readonly string[]): T {
  return JSON.parse(readFileSync(join(root, ...path), "utf8")) as T;
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function packagesOf({ dependencies, devDependencies }: Manifest): readonly string[] {
  return Object.keys({ ...dependencies, ...devDependencies });
}

function declaredOf(folder: string): Declared {
  // Tools of the whole repository, without a package of their own.
  if (workspaces.get(folder)?.reaches === true)
    return { dependencies: packagesOf(readJson<Manifest>("package.json")), references: [] };
  const { references = [] } = readJson<{ readonly references?: readonly { readonly path: string }[] }>(
    folder,
    "tsconfig.json",
  );
  return {
    dependencies: packagesOf(readJson<Manifest>(folder, "package.json")),
    references: references.map(({ path }) => relative(root, resolve(root, folder, path))),
  };
}

const folders = [...workspaces.keys()];
const files = globSync(`{${folders.join(",")}}/**/*.ts`, { cwd: root, exclude: ["**/node_modules/**", "**/dist/**"] });
const problems = violations(readImports(root, files), new Map(folders.map((folder) => [folder, declaredOf(folder)])));
for (const problem of problems) console.error(problem);
console.log(`fences: ${files.length} files, ${problems.length} violations`);
if (problems.length > 0 || files.length === 0) process.exitCode = 1;
