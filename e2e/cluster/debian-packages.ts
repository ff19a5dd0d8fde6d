import { existsSync } from "node:fs";
import { run } from "./command.ts";
import { type Outcome, type Running, step } from "./steps.ts";

async function isInstalled(name: string): Promise<boolean> {
  try {
    return (await run(["dpkg-query", "-W", "-f=${db:Status-Status}", name])) === "installed";
  } catch {
    return false;
  }
}

async function missing(names: readonly string[]): Promise<readonly string[]> {
  const installed = await Promise.all(names.map(isInstalled));
  return names.filter((_, index) => installed[index] !== true);
}

/** Installs what is missing of these Debian packages; without root, or on another system, it says what a person has to do. */
export function ensureDebianPackages(names: readonly string[]): Promise<Outcome> {
  return step(`Debian packages ${names.join(" ")}`, async ({ note }) => {
    if (!existsSync("/usr/bin/dpkg-query"))
      throw new Error(`this is no Debian: install the equivalents of ${names.join(" ")}`);
    const wanted = await missing(names);
    if (wanted.length === 0) return "unchanged";
    if (process.getuid?.() !== 0)
      throw new Error(`run as root, or install them first: apt-get install ${wanted.join(" ")}`);
    await install(wanted, note);
    return "done";
  });
}

async function install(names: readonly string[], note: Running["note"]): Promise<void> {
  // RUNLEVEL=1 keeps the packages' services (containerd, redis-server) from starting: we start our own.
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  note("apt-get update");
  await run(["apt-get", "-q", "update"], { env, onLine: note });
  await run(["apt-get", "-q", "-y", "--no-install-recommends", "install", ...names], { env, onLine: note });
}
