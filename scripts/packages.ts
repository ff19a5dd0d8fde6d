/**
 * `npm run packages`: makes the packages of the SDK as they are published, in <folder>/dist/package, and checks them: that what they
 * export can be imported and typed (publint, attw), that nothing but peers is imported, and how large the client is.
 * Needs `npm run build` for the types.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { build } from "rolldown";
import { packageName } from "./import-graph.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, unknown>>;
  readonly exports: Readonly<Record<string, { readonly "@belay/source": string }>>;
}

const repository = join(import.meta.dirname, "..");
const folders = ["client", "client-react", "client-vue"];
/** Its code becomes a part of the packages. */
const BUNDLED = "@belay/protocol";
/** Bytes of a page's bundle, minified and compressed. */
const MAX_CORE_BYTES = 15_000;
const CORE = `
  import { Client, jsonCodec, webSocketTransport } from "@belay/client";
  globalThis.connect = (endpoint) => new Client({ endpoint, transports: [webSocketTransport], codec: jsonCodec });
`;

async function make(folder: string): Promise<{ readonly directory: string; readonly manifest: Manifest }> {
  const directory = join(repository, folder, "dist/package");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const own = JSON.parse(await readFile(join(repository, folder, "package.json"), "utf8")) as Manifest;
  const { [BUNDLED]: _bundled, ...dependencies } = own.dependencies ?? {};
  const entries = Object.entries(own.exports).map(
    ([door, { "@belay/source": source }]) => [door, basename(source, ".ts")] as const,
  );
  const external = [...Object.keys(dependencies), ...Object.keys(own.peerDependencies ?? {})];
  await build({
    input: Object.fromEntries(entries.map(([, entry]) => [entry, join(repository, folder, "src", `${entry}.ts`)])),
    external: external.map((name) => new RegExp(`^${RegExp.escape(name)}(/|$)`)),
    platform: "neutral",
    resolve: { conditionNames: ["@belay/source", "import", "module", "default"] },
    output: { dir: directory, format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
    logLevel: "warn",
  });
  await copyTypes(
    join(repository, folder, "dist"),
    directory,
    entries.map(([, entry]) => entry),
  );
  const manifest = {
    name: own.name,
    version: own.version,
    license: own.license,
    type: "module",
    sideEffects: false,
    exports: Object.fromEntries(
      entries.map(([door, entry]) => [door, { types: `./${entry}.d.ts`, default: `./${entry}.js` }]),
    ),
    ...(Object.keys(dependencies).length > 0 && { dependencies }),
    ...(own.peerDependencies !== undefined && { peerDependencies: own.peerDependencies }),
    ...(own.peerDependenciesMeta !== undefined && { peerDependenciesMeta: own.peerDependenciesMeta }),
  };
  await writeFile(join(directory, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const readme = join(repository, folder, "README.md");
  if (existsSync(readme)) await cp(readme, join(directory, "README.md"));
  return { directory, manifest: own };
}

/** Declarations that the entries lead to. */
async function copyTypes(from: string, to: string, entries: readonly string[]): Promise<void> {
  const wanted = [...entries];
  const seen = new Set(wanted);
  for (const name of wanted) {
    const text = await readFile(join(from, `${name}.d.ts`), "utf8");
    for (const [, next = ""] of text.matchAll(/from "\.\/([\w-]+)\.ts"/g)) {
      if (!seen.has(next)) wanted.push(next);
      seen.add(next);
    }
    const published = text.replaceAll(/(from "\.\/[\w-]+)\.ts"/g, '$1.js"').replace(/\n\/\/# sourceMappingURL.*/, "");
    await writeFile(join(to, `${name}.d.ts`), published);
  }
}

async function problemsOf(
  directory: string,
  { peerDependencies = {}, dependencies = {} }: Manifest,
): Promise<string[]> {
  const pkg = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as Record<string, unknown>;
  const { messages } = await publint({ pkgDir: directory, pack: false, strict: true });
  const problems = messages.map(
    (message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`,
  );
  const [{ filename }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--silent", "--pack-destination", directory], { cwd: directory }).toString(),
  ) as [{ filename: string }];
  const tarball = await readFile(join(directory, filename));
  await rm(join(directory, filename));
  const checked = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  const types = checked.types === false ? [{ kind: "no types" }] : checked.problems;
  // ES modules only, for tools that read `exports`.
  const tolerated = new Set(["CJSResolvesToESM", "NoResolution"]);
  problems.push(
    ...types.filter(({ kind }) => !tolerated.has(kind)).map((problem) => `attw: ${JSON.stringify(problem)}`),
  );
  const allowed = new Set([...Object.keys(peerDependencies), ...Object.keys(dependencies)]);
  allowed.delete(BUNDLED);
  for (const file of await readdir(directory)) {
    if (!/\.(js|d\.ts)$/.test(file)) continue;
    const text = await readFile(join(directory, file), "utf8");
    for (const [, specifier = ""] of text.matchAll(/(?:from|import)\s*"([^".][^"]*)"/g))
      if (!allowed.has(packageName(specifier))) problems.push(`${file} imports ${specifier}`);
  }
  return problems;
}

/** Of a page that has the client with one transport and one codec. */
async function coreBytes(): Promise<number> {
  const { output } = await build({
    input: "core",
    plugins: [
      {
        name: "core",
        resolveId: (id) => (id === "core" ? id : undefined),
        load: (id) => (id === "core" ? CORE : undefined),
      },
    ],
    platform: "browser",
    write: false,
    resolve: { conditionNames: ["@belay/source", "import", "default"] },
    output: { format: "esm", minify: true },
    logLevel: "warn",
  });
  // Notes for the next bundler, of which a page has none.
  return gzipSync(output[0].code.replaceAll("/* @__PURE__ */", ""), { level: 9 }).length;
}

const problems: string[] = [];
for (const folder of folders) {
  const { directory, manifest } = await make(folder);
  const found = await problemsOf(directory, manifest);
  problems.push(...found.map((problem) => `${folder}: ${problem}`));
}
const bytes = await coreBytes();
if (bytes > MAX_CORE_BYTES) problems.push(`client: its core has ${bytes} bytes, at most ${MAX_CORE_BYTES} are allowed`);
for (const problem of problems) console.error(problem);
console.log(`packages: ${folders.length} made, core ${(bytes / 1000).toFixed(1)} kB, ${problems.length} problems`);
if (problems.length > 0) process.exitCode = 1;
