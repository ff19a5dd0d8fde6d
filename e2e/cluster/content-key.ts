import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** 12 hex digits that name what an image is made of: a changed bundle is a new image, and the same one is never built twice. */
export function contentKey(parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  // A length before each part, so that no two lists of parts run together into the same bytes.
  for (const part of parts) hash.update(`\0${Buffer.byteLength(part)}\0`).update(part);
  return hash.digest("hex").slice(0, 12);
}

/** The files below a directory with their paths and modes, in an order that does not depend on the disk. */
export function directoryParts(dir: string): readonly (string | Buffer)[] {
  return readdirSync(dir, { recursive: true, encoding: "utf8" })
    .sort()
    .flatMap((path) => {
      const stat = statSync(join(dir, path));
      return stat.isFile() ? [`${path} ${(stat.mode & 0o7777).toString(8)}`, readFileSync(join(dir, path))] : [];
    });
}
