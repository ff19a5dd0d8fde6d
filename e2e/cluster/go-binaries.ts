import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { type Cache, goModule } from "./cache.ts";
import { run } from "./command.ts";
import { withLock } from "./lock.ts";
import { type Binary, linkerFlags, pins } from "./pins.ts";
import { type Outcome, say, step } from "./steps.ts";

/** What `make up` needs of each provider. */
export function binariesFor(provider: "local" | "kind"): readonly Binary[] {
  return pins.binaries.filter((binary) => binary.for === "every provider" || binary.for === provider);
}

/**
 * Builds each tool once. A tool is either whole in the cache or not there: it gets its name when it is finished, and a second
 * `make up` waits for the first instead of building the same.
 */
export async function ensureBinaries(cache: Cache, binaries: readonly Binary[]): Promise<Outcome> {
  const lacks = (): readonly Binary[] => binaries.filter(({ name }) => !existsSync(`${cache.bin}/${name}`));
  if (lacks().length === 0) return "unchanged";
  await requireGo();
  say(`  …  ${lacks().length} of ${binaries.length} tools are not in ${cache.bin}; each is built once`);
  await withLock(`${cache.bin}.lock`, "tools", async () => {
    for (const binary of lacks()) await build(cache, binary);
  });
  return "done";
}

async function requireGo(): Promise<void> {
  try {
    await run(["go", "version"]);
  } catch (error) {
    throw new Error("Kubernetes is built from its Go modules: Go 1.26 or newer must be on PATH (https://go.dev/dl)", {
      cause: error,
    });
  }
}

async function build(cache: Cache, binary: Binary): Promise<void> {
  await step(`build ${binary.name}`, async ({ note }) => {
    await mkdir(cache.bin, { recursive: true });
    const draft = `${cache.bin}/.${binary.name}.${process.pid}`;
    let compiled = 0;
    const onLine = (line: string): void => {
      if (!line.startsWith("go: ")) compiled += 1;
      note(line.startsWith("go: ") ? line : `${compiled} packages compiled, now ${line}`);
    };
    const command = [
      "go",
      "build",
      "-v",
      "-trimpath",
      // Otherwise every commit of ours would be another binary.
      "-buildvcs=false",
      "-ldflags",
      linkerFlags(pins.kubernetes),
      "-o",
      draft,
      binary.package,
    ];
    try {
      await run(command, { cwd: goModule, env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly" }, onLine });
      await rename(draft, `${cache.bin}/${binary.name}`);
    } finally {
      await rm(draft, { force: true });
    }
    return "done";
  });
}
