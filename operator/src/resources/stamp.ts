import { stableHash } from "@belay/protocol/control";
import type { Manifest } from "./manifest.ts";

const STAMP_ANNOTATION = "belay.dev/applied";

/**
 * The manifest with a hash of itself as an annotation. A live object that has all wanted fields may still carry one that is not
 * wanted any more; the stamp tells.
 */
export function stamped(manifest: Manifest): Manifest {
  const annotations = { ...manifest.metadata.annotations, [STAMP_ANNOTATION]: stableHash(manifest) };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}
