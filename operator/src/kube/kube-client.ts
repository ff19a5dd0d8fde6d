/** The port to a Kubernetes API server: raw JSON in both directions, nothing converted, nothing dropped. */

/** One kind of object and where the API serves it. */
export interface Resource {
  /** `v1`, `apps/v1`, `belay.dev/v1alpha1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

export interface ObjectRef {
  readonly resource: Resource;
  readonly name: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly limit?: number;
  readonly continueToken?: string;
}

export interface ListPage<T extends KubeObject> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Empty on the last page. */
  readonly continueToken: string;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly resourceVersion: string;
  /** The server ends the watch after this many seconds; the caller jitters it. */
  readonly timeoutSeconds: number;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export interface ApplyOptions {
  readonly fieldManager: string;
  /** Take fields over from other managers. */
  readonly force: boolean;
  readonly subresource?: "status";
}

export type JsonPatchOperation =
  | { readonly op: "test" | "replace" | "add"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export type Patch =
  | { readonly type: "json"; readonly operations: readonly JsonPatchOperation[] }
  | { readonly type: "merge"; readonly body: Readonly<Record<string, unknown>> };

export interface DeleteOptions {
  /** The object is deleted only if it still is this one. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * Every call rejects with a {@link KubeError} when the server refuses and with another Error when it cannot be reached.
 * Every call but `watch` ends within the client's time-out.
 */
export interface KubeClient {
  /** `undefined` for a 404. */
  get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined>;
  list<T extends KubeObject>(resource: Resource, options: ListOptions): Promise<ListPage<T>>;
  /** Ends normally when the server ends it; throws KubeError for an ERROR event (410: start again from a list). */
  watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** Creates with `fieldValidation=Strict`. */
  create<T extends KubeObject>(resource: Resource, object: T): Promise<T>;
  /** Replaces the object whose `metadata.resourceVersion` is given (409 if it has changed). */
  replace<T extends KubeObject>(resource: Resource, object: T): Promise<T>;
  /** Server-side apply; the body goes out verbatim, with `fieldValidation=Strict`. */
  apply<T extends KubeObject>(resource: Resource, object: T, options: ApplyOptions): Promise<T>;
  patch<T extends KubeObject>(ref: ObjectRef, patch: Patch, subresource?: "status"): Promise<T>;
  /** Background deletion. A 404 is success. */
  delete(ref: ObjectRef, options?: DeleteOptions): Promise<void>;
}

/** A refusal by the API server. */
export class KubeError extends Error {
  readonly status: number;
  /** `Conflict`, `NotFound`, `Invalid`, `Expired`, … as the server's Status object says. */
  readonly reason: string;
  /** From the Retry-After header or the Status details. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, reason: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = "KubeError";
    this.status = status;
    this.reason = reason;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
