/**
 * Makes what the images contain: for each program one file of JavaScript with all its libraries, in <package>/dist/image.
 * The Dockerfiles take that folder as their context.
 */
import { existsSync } from "node:fs";
import { cp, mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "rolldown";

interface Program {
  readonly folder: string;
  readonly input: string;
  readonly output: string;
  readonly platform: "node" | "browser";
}

const programs: readonly Program[] = [
  { folder: "gateway", input: "src/main.ts", output: "main.js", platform: "node" },
  { folder: "operator", input: "src/main.ts", output: "main.js", platform: "node" },
  { folder: "examples/chat", input: "src/server.ts", output: "server.js", platform: "node" },
  { folder: "examples/chat", input: "src/page.ts", output: "page.js", platform: "browser" },
];

const repository = join(import.meta.dirname, "..");

async function bundle({ folder, input, output, platform }: Program): Promise<void> {
  const file = join(repository, folder, "dist/image", output);
  await build({
    input: join(repository, folder, input),
    platform,
    // Sources of the other workspaces, so that no build is needed before.
    resolve: { conditionNames: ["@belay/source", "import", "module", platform, "default"] },
    // CommonJS libraries inside an ES module still ask for Node's own modules by `require`.
    output: { file, format: "esm", minify: true, codeSplitting: false },
    logLevel: "warn",
  });
  console.log(`${folder}/dist/image/${output} ${Math.round((await stat(file)).size / 1000)} kB`);
}

for (const folder of new Set(programs.map((program) => program.folder))) {
  const image = join(repository, folder, "dist/image");
  await rm(image, { recursive: true, force: true });
  await mkdir(image, { recursive: true });
  await writeFile(join(image, "package.json"), '{ "type": "module" }\n');
  const assets = join(repository, folder, "public");
  if (existsSync(assets)) await cp(assets, join(image, "public"), { recursive: true });
}
for (const program of programs) await bundle(program);
