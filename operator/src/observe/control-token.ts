import { names } from "../resources/names.ts";
import type { Store } from "../runtime/store.ts";
import type { SecretObject } from "./objects.ts";

/** The token of the control ports of a cluster's pods, from its generated Secret. */
export function controlTokenOf(secrets: Store<SecretObject>, namespace: string, cluster: string): string | undefined {
  const encoded = secrets.get(namespace, names.keys(cluster))?.data?.["control-token"];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
}
