import type { Clock } from "../clock.ts";
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

/** Remembers since when pods are out of their endpoints. Forgotten with the process, which only makes a successor wait again. */
export class EndpointAbsence {
  readonly #clock: Clock;
  readonly #sinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that the pod has been out of the endpoints, 0 while it is in them. */
  observe(uid: string, inEndpoints: boolean): number {
    if (inEndpoints) {
      this.#sinceMs.delete(uid);
      return 0;
    }
    const nowMs = this.#clock.nowMs();
    const sinceMs = this.#sinceMs.get(uid) ?? nowMs;
    this.#sinceMs.set(uid, sinceMs);
    return nowMs - sinceMs;
  }

  forget(uid: string): void {
    this.#sinceMs.delete(uid);
  }
}
