import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pins } from "./pins.ts";

/** The Go module of all tools. */
export const goModule: string = join(import.meta.dirname, "go");

const keyedFiles = ["go.mod", "go.sum", "coredns/main.go", "pause/main.go"];

/** Names what was built: 16 hex digits of a digest over the pins and the files they refer to. */
export function cacheKey(pinned: unknown, files: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(pinned));
  // A length before each text, so that no two lists of files run together into the same bytes.
  for (const text of files) hash.update(`\0${Buffer.byteLength(text)}\0`).update(text);
  return hash.digest("hex").slice(0, 16);
}

export interface Cache {
  /** Outside the repository: survives `git clean` and is shared by clones. */
  readonly root: string;
  readonly bin: string;
  readonly images: string;
}

export async function openCache(root: string): Promise<Cache> {
  const texts = await Promise.all(keyedFiles.map((file) => readFile(join(goModule, file), "utf8")));
  return { root, bin: join(root, cacheKey(pins, texts), "bin"), images: join(root, "images") };
}
