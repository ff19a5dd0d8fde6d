import { existsSync } from "node:fs";
import { copyFile, mkdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { ensureArchive } from "./buildah.ts";
import type { Cache } from "./cache.ts";
import { run } from "./command.ts";
import { contentKey, directoryParts } from "./content-key.ts";
import { withLock } from "./lock.ts";
import type { ImageArchive, Images } from "./provider.ts";
import { makeRootfs } from "./rootfs.ts";
import { step } from "./steps.ts";

export const repository: string = join(import.meta.dirname, "../..");

function dockerfile(name: string): string {
  return join(import.meta.dirname, "images", `${name}.Dockerfile`);
}

/** The images that are built from this repository's own Dockerfiles: the folder of each. */
export const productFolders: Readonly<Record<"gateway" | "operator" | "chat", string>> = {
  gateway: "gateway",
  operator: "operator",
  chat: "examples/chat",
};

function bundlesKey(): string {
  const folders = Object.values(productFolders).map((folder) => join(repository, folder, "dist/image"));
  return contentKey(folders.filter(existsSync).flatMap(directoryParts));
}

/** The bundles that the Dockerfiles copy, made anew each time: that takes less than finding out whether it must be. */
export async function makeBundles(): Promise<void> {
  await step("bundles of gateway, operator and chat", async () => {
    const before = bundlesKey();
    await run([process.execPath, "scripts/bundle.ts"], { cwd: repository });
    return bundlesKey() === before ? "unchanged" : "done";
  });
}

async function withScratch<T>(cache: Cache, name: string, work: (dir: string) => Promise<T>): Promise<T> {
  const dir = `${cache.root}/scratch/${name}-${process.pid}`;
  await mkdir(dir, { recursive: true });
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The image of every pod sandbox. */
export function pauseArchive(cache: Cache): Promise<ImageArchive> {
  return withScratch(cache, "pause", async (context) => {
    await copyFile(`${cache.bin}/pause`, `${context}/pause`);
    return ensureArchive(cache, { name: "pause", dockerfile: dockerfile("pause"), context });
  });
}

/** The Node.js that runs this very script, as a base image. */
function baseArchive(cache: Cache): Promise<ImageArchive> {
  return withScratch(cache, "base", async (context) => {
    await makeRootfs(context, { "/usr/local/bin/node": process.execPath });
    return ensureArchive(cache, { name: "base", dockerfile: dockerfile("rootfs"), context });
  });
}

/** Debian's Redis, with a shell and the few programs that start scripts and probes use. */
function redisArchive(cache: Cache): Promise<ImageArchive> {
  return withScratch(cache, "redis", async (context) => {
    const programs = {
      "redis-server": "/usr/bin/redis-server",
      "redis-cli": "/usr/bin/redis-cli",
      sh: "/bin/sh",
      mv: "/bin/mv",
      sleep: "/bin/sleep",
      timeout: "/usr/bin/timeout",
    };
    const real = await Promise.all(
      Object.entries(programs).map(async ([name, path]) => [`/usr/bin/${name}`, await realpath(path)] as const),
    );
    await makeRootfs(context, { ...Object.fromEntries(real), "/bin/sh": await realpath("/bin/sh") });
    return ensureArchive(cache, { name: "redis", dockerfile: dockerfile("redis"), context });
  });
}

export interface BuiltImages {
  readonly images: Images;
  readonly archives: readonly ImageArchive[];
}

/** Everything that pods of Belay run, as archives for nodes without a registry. Two clusters that come up at once take turns. */
export function builtImages(cache: Cache): Promise<BuiltImages> {
  return withLock(`${cache.root}/images.lock`, "images", () => build(cache));
}

async function build(cache: Cache): Promise<BuiltImages> {
  await makeBundles();
  const base = await baseArchive(cache);
  const product = (name: keyof typeof productFolders): Promise<ImageArchive> => {
    const folder = join(repository, productFolders[name]);
    return ensureArchive(cache, {
      name,
      dockerfile: `${folder}/Dockerfile`,
      context: `${folder}/dist/image`,
      base: base.image,
    });
  };
  const [gateway, operator, chat, redis] = [
    await product("gateway"),
    await product("operator"),
    await product("chat"),
    await redisArchive(cache),
  ];
  const nextGateway = `${gateway.image}-next`;
  return {
    images: { gateway: gateway.image, nextGateway, operator: operator.image, chat: chat.image, redis: redis.image },
    archives: [{ ...gateway, alias: nextGateway }, operator, chat, redis],
  };
}
