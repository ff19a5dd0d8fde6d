/**
 * Who may import whom. Pure: a list of imports in, a list of sentences out. Types are free where it says so, because they are
 * gone at run time; everything else counts.
 */
import { type Import, packageName } from "./import-graph.ts";
import { type Layer, layers, libraryOwners, pureFiles, purePackages, workspaces } from "./fence-tables.ts";

/** What a workspace's package.json and tsconfig.json declare. */
export interface Declared {
  readonly dependencies: readonly string[];
  /** Workspace folders. */
  readonly references: readonly string[];
}

type Rule = (entry: Import, declared: ReadonlyMap<string, Declared>) => string | undefined;

export function violations(imports: readonly Import[], declared: ReadonlyMap<string, Declared>): readonly string[] {
  const broken = imports.flatMap((entry) =>
    rules.flatMap((rule) => {
      const problem = rule(entry, declared);
      return problem === undefined ? [] : [`${entry.file} -> ${entry.specifier}: ${problem}`];
    }),
  );
  return [...broken, ...homeless(imports), ...cycles(imports)];
}

/** Folder of the workspace a file is in: `gateway`, `examples/chat`, `scripts`. */
export function workspaceOf(file: string): string {
  return workspaces.keys().find((folder) => file.startsWith(`${folder}/`)) ?? "";
}

function isTest(file: string): boolean {
  const folder = workspaceOf(file);
  return (
    file.endsWith(".test.ts") || [`${folder}/test/`, `${folder}/example/`].some((inside) => file.startsWith(inside))
  );
}

const isResolved: Rule = ({ target }) => (target.kind === "unresolved" ? target.why : undefined);

const usesDoors: Rule = ({ file, specifier, target }) => {
  if (target.kind !== "file" || !specifier.startsWith(".") || workspaceOf(target.path) === workspaceOf(file))
    return undefined;
  return workspaces.get(workspaceOf(file))?.reaches
    ? undefined
    : "reaches into another workspace instead of through its door";
};

const pointsTheRightWay: Rule = ({ file, specifier, target }) => {
  const from = workspaceOf(file);
  if (target.kind !== "file" || specifier.startsWith(".")) return undefined;
  const { imports = [], inTests = [] } = workspaces.get(from) ?? {};
  if (imports.includes(specifier)) return undefined;
  if (!isTest(file)) return `${from} may not import it`;
  // Tests in test/ use their own workspace by its doors, as a stranger would.
  return inTests.includes(specifier) || workspaceOf(target.path) === from
    ? undefined
    : `${from} may not import it, nor its tests`;
};

/** With a source condition the compiler reports neither a missing dependency nor, below, a missing reference. */
const hasDependency: Rule = ({ file, specifier, target }, declared) => {
  if (isTest(file) || specifier.startsWith(".")) return undefined;
  const from = workspaceOf(file);
  const name = { builtin: "", unresolved: "", package: packageName(specifier), file: packageName(specifier) }[
    target.kind
  ];
  const isDeclared = name === "" || declared.get(from)?.dependencies.includes(name);
  return isDeclared ? undefined : `${name} is not in ${from}/package.json`;
};

const hasReference: Rule = ({ file, specifier, target }, declared) => {
  if (target.kind !== "file" || isTest(file) || specifier.startsWith(".")) return undefined;
  const [from, to] = [workspaceOf(file), workspaceOf(target.path)];
  return declared.get(from)?.references.includes(to) ? undefined : `${to} is not a reference in ${from}/tsconfig.json`;
};

const isOwned: Rule = ({ file, isTypeOnly, target }) => {
  if (target.kind !== "package" || isTypeOnly || isTest(file)) return undefined;
  const owner = libraryOwners.find(({ library, within }) => library === target.name && file.startsWith(within));
  if (owner === undefined || owner.files.some((pattern) => pattern.test(file))) return undefined;
  return `only ${owner.files.map(String).join(", ")} may import ${target.name}`;
};

function isPure(file: string): boolean {
  return pureFiles.some((pattern) => pattern.test(file)) && !isTest(file);
}

const staysPure: Rule = ({ file, isTypeOnly, target }) => {
  if (isTypeOnly || !isPure(file)) return undefined;
  if (target.kind === "builtin") return "a pure file imports nothing of Node's";
  if (target.kind === "package" && !purePackages.includes(target.name)) return `${target.name} is not known to be pure`;
  return target.kind === "file" && !isPure(target.path) ? "a pure file imports only pure files" : undefined;
};

function layerOf(file: string): Layer | undefined {
  return layers.find(({ files }) => files.test(file));
}

const staysInLayers: Rule = ({ file, target }) => {
  if (target.kind !== "file" || isTest(file)) return undefined;
  const [from, to] = [layerOf(file), layerOf(target.path)];
  if (from === undefined || to === undefined || from === to || from.workspace !== to.workspace) return undefined;
  return from.imports === "all" || from.imports.includes(to.name)
    ? undefined
    : `${from.name} may not import ${to.name}`;
};

const rules: readonly Rule[] = [
  isResolved,
  usesDoors,
  pointsTheRightWay,
  hasDependency,
  hasReference,
  isOwned,
  staysPure,
  staysInLayers,
];

/** Sources of a layered workspace that no layer claims: whoever adds a folder says where it stands. */
function homeless(imports: readonly Import[]): readonly string[] {
  const layered = new Set(layers.map(({ workspace }) => workspace));
  const files = new Set(imports.map(({ file }) => file));
  return [...files]
    .filter((file) => layered.has(workspaceOf(file)) && !isTest(file) && layerOf(file) === undefined)
    .map((file) => `${file}: belongs to no layer of scripts/fence-tables.ts`);
}

function cycles(imports: readonly Import[]): readonly string[] {
  const edges = Map.groupBy(imports, ({ file }) => file);
  const found: string[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (file: string, path: readonly string[]): void => {
    if (state.get(file) === "open") found.push(`cycle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
    if (state.has(file)) return;
    state.set(file, "open");
    for (const { target } of edges.get(file) ?? []) if (target.kind === "file") visit(target.path, [...path, file]);
    state.set(file, "done");
  };
  for (const file of edges.keys()) visit(file, []);
  return found;
}
