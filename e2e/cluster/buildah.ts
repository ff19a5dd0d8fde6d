import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import type { Cache } from "./cache.ts";
import { run } from "./command.ts";
import { contentKey, directoryParts } from "./content-key.ts";
import { withLock } from "./lock.ts";
import type { ImageArchive } from "./provider.ts";
import { say, step } from "./steps.ts";

/** One image to be built from a Dockerfile without an engine. */
export interface Recipe {
  readonly name: string;
  readonly dockerfile: string;
  readonly context: string;
  /** The image that the Dockerfile's BASE argument names. */
  readonly base?: string;
}

/** Images of a name that are kept: an older bundle is often the one to compare with. */
const keptArchives = 4;

/**
 * buildah in a mount namespace of its own: its mounts end with it, also when it is killed, and what it writes below /etc and
 * /var/lib goes to memory instead of staying on the machine.
 */
function buildah(cache: Cache): readonly string[] {
  const aside = `${cache.root}/buildah-run/aside`;
  const script = [
    `mkdir -p ${aside} && mount -t tmpfs tmpfs ${aside}`,
    ...["etc", "var/lib"].map(
      (dir) =>
        `mkdir -p ${aside}/${dir}/up ${aside}/${dir}/work && mount -t overlay overlay -o lowerdir=/${dir},upperdir=${aside}/${dir}/up,workdir=${aside}/${dir}/work /${dir}`,
    ),
    'exec "$@"',
  ].join(" && ");
  const alone = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", script, "sh"];
  return [
    ...alone,
    "buildah",
    `--root=${cache.root}/buildah`,
    `--runroot=${cache.root}/buildah-run`,
    "--storage-driver=overlay",
  ];
}

/** The archive of an image, built if the cache has none of this content. */
export async function ensureArchive(cache: Cache, recipe: Recipe): Promise<ImageArchive> {
  const key = contentKey([await readFile(recipe.dockerfile), recipe.base ?? "", ...directoryParts(recipe.context)]);
  const image = `belay.local/${recipe.name}:${key}`;
  const archive = `${cache.images}/${recipe.name}-${key}.tar`;
  if (!existsSync(archive)) {
    await withLock(`${cache.root}/buildah.lock`, `image ${recipe.name}`, () =>
      build(cache, recipe, { image, archive }),
    );
  }
  return { image, archive };
}

async function build(cache: Cache, recipe: Recipe, { image, archive }: ImageArchive): Promise<void> {
  await step(`image ${image}`, async ({ note }) => {
    const draft = `${archive}.${process.pid}`;
    await mkdir(cache.images, { recursive: true });
    const base = recipe.base === undefined ? [] : ["--build-arg", `BASE=${recipe.base}`];
    const options = ["--isolation=chroot", "--layers=false", "--timestamp=0", "--pull-never", ...base];
    try {
      await run([...buildah(cache), "bud", ...options, "-t", image, "-f", recipe.dockerfile, recipe.context], {
        onLine: note,
      });
      await run([...buildah(cache), "push", image, `oci-archive:${draft}:${image}`], { onLine: note });
      await rename(draft, archive);
    } finally {
      await rm(draft, { force: true });
    }
    await prune(cache, recipe.name);
    return "done";
  });
  say(`     ${image}: ${((await stat(archive)).size / 1e6).toFixed(1)} MB compressed`);
}

/** Drops the oldest archives of a name. */
async function prune(cache: Cache, name: string): Promise<void> {
  const pattern = new RegExp(`^${name}-[0-9a-f]{12}\\.tar$`);
  const files = (await readdir(cache.images))
    .filter((file) => pattern.test(file))
    .map((file) => `${cache.images}/${file}`);
  const aged = await Promise.all(files.map(async (file) => ({ file, at: (await stat(file)).mtimeMs })));
  const old = aged.sort((a, b) => b.at - a.at).slice(keptArchives);
  await Promise.all(old.map(({ file }) => rm(file, { force: true })));
}
