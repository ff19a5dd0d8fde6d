import type { EndpointSliceObject } from "./objects.ts";

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** UIDs of pods that a Service sends new connections to. */
export function readyEndpoints(slices: readonly EndpointSliceObject[], service: string): ReadonlySet<string> {
  const uids = slices
    .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME_LABEL] === service)
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ targetRef }) => targetRef?.uid ?? []);
  return new Set(uids);
}
