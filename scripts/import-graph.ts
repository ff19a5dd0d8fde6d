/** Reads which file imports what, by the parser and the resolver that the linter uses: no type-checker, half a second for the tree. */
import { readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, relative } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { ResolverFactory } from "oxc-resolver";

export type Target =
  | { readonly kind: "builtin" }
  /** An npm package, by its name without a subpath. */
  | { readonly kind: "package"; readonly name: string }
  /** A file of this repository, from its root. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "unresolved"; readonly why: string };

export interface Import {
  /** From the repository's root, as is every path here. */
  readonly file: string;
  readonly specifier: string;
  /** Gone after type stripping: it costs nothing and brings nothing in. */
  readonly isTypeOnly: boolean;
  readonly target: Target;
}

/** The workspaces' own condition comes first: what runs in tests is what is checked. */
const resolver = new ResolverFactory({
  conditionNames: ["@belay/source", "types", "import", "node", "default"],
  extensions: [".ts", ".js"],
  builtinModules: true,
});

export function readImports(root: string, files: readonly string[]): readonly Import[] {
  return files.flatMap((file) =>
    [...specifiers(join(root, file))].map(([specifier, isTypeOnly]) => ({
      file,
      specifier,
      isTypeOnly,
      target: resolve(root, file, specifier),
    })),
  );
}

/** Each specifier once; type-only if no import of it is anything else. */
function specifiers(path: string): ReadonlyMap<string, boolean> {
  const { program, module, errors } = parseSync(path, readFileSync(path, "utf8"));
  if (errors.length > 0) throw new Error(`${path} does not parse`, { cause: errors });
  const found = new Map<string, boolean>();
  const add = (specifier: string, isTypeOnly: boolean): void => {
    found.set(specifier, isTypeOnly && (found.get(specifier) ?? true));
  };
  for (const { moduleRequest, entries } of module.staticImports) {
    add(moduleRequest.value, entries.length > 0 && entries.every(({ isType }) => isType));
  }
  for (const { moduleRequest, isType } of module.staticExports.flatMap(({ entries }) => entries)) {
    if (moduleRequest) add(moduleRequest.value, isType);
  }
  const addLiteral = (node: { readonly type: string; readonly value?: unknown }, isTypeOnly: boolean): void => {
    if (node.type !== "Literal" || typeof node.value !== "string")
      throw new Error(`${path}: import() of a computed name`);
    add(node.value, isTypeOnly);
  };
  new Visitor({
    ImportExpression: ({ source }) => addLiteral(source, false),
    TSImportType: ({ source }) => addLiteral(source, true),
  }).visit(program);
  return found;
}

function resolve(root: string, file: string, specifier: string): Target {
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) return { kind: "builtin" };
  const { path, error } = resolver.resolveFileSync(join(root, file), specifier);
  if (path === undefined) return { kind: "unresolved", why: error ?? "does not resolve" };
  if (!path.includes("/node_modules/")) return { kind: "file", path: relative(root, path) };
  return { kind: "package", name: packageName(specifier) };
}

/** `@scope/name/subpath` and `name/subpath` without their subpath. */
export function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
