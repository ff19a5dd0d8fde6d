import type { ListOptions, ObjectRef, Resource, WatchOptions } from "./kube-client.ts";

/** Where the API server serves a collection. Pure. */
export function collectionPath({ apiVersion, plural, namespaced }: Resource, namespace: string | undefined): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespaced && namespace !== undefined
    ? `${root}/namespaces/${encodeURIComponent(namespace)}/${plural}`
    : `${root}/${plural}`;
}

export function objectPath({ resource, name, namespace }: ObjectRef, subresource?: "status"): string {
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function listPath(resource: Resource, options: ListOptions): string {
  return withQuery(collectionPath(resource, options.namespace), {
    labelSelector: options.labelSelector,
    limit: options.limit,
    continue: options.continueToken,
  });
}

export function watchPath(resource: Resource, options: WatchOptions): string {
  return withQuery(collectionPath(resource, options.namespace), {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: options.resourceVersion,
    timeoutSeconds: options.timeoutSeconds,
    labelSelector: options.labelSelector,
  });
}

export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "") search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}
