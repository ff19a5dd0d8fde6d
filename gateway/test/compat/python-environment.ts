import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const REQUIREMENTS = join(import.meta.dirname, "python/requirements.txt");
/** A cold install of 20 wheels takes about 15 s. */
const INSTALL_TIMEOUT_MS = 240_000;

/**
 * The interpreter of an environment with the Python SDKs, pinned by hash. It is made once per machine, outside of the repository, under
 * the digest of what is in it; clones share it.
 */
export async function pythonEnvironment(): Promise<string> {
  const [requirements, { stdout: version }] = await Promise.all([
    readFile(REQUIREMENTS),
    run("python3", ["-c", "import sys; print(sys.version, sys.base_prefix)"]),
  ]);
  const key = createHash("sha256").update(version).update(requirements).digest("hex").slice(0, 16);
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const directory = join(cache, "belay/python", key);
  if (!existsSync(directory)) await install(directory);
  return join(directory, "bin/python");
}

/** Made beside its place and moved there when it is complete, so that nobody sees half of one. */
async function install(directory: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  const draft = await mkdtemp(`${directory}-`);
  try {
    await run("python3", ["-m", "venv", draft]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"];
    await run(
      join(draft, "bin/python"),
      [...pip, "--require-hashes", "--only-binary=:all:", "--requirement", REQUIREMENTS],
      { timeout: INSTALL_TIMEOUT_MS },
    );
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Another run was faster.
    if (existsSync(directory)) return;
    throw new Error("the Python SDKs could not be installed (Debian: apt-get install python3-venv)", { cause: error });
  }
}

/** The version of an SDK, as pinned. */
export async function pinnedVersion(name: string): Promise<string> {
  const text = await readFile(REQUIREMENTS, "utf8");
  const [, version] = new RegExp(`^${RegExp.escape(name)}==(\\S+)`, "m").exec(text) ?? [];
  if (version === undefined) throw new Error(`${name} is not in requirements.txt`);
  return version;
}
