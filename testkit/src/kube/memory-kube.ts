import {
  type ApplyOptions,
  type DeleteOptions,
  type KubeClient,
  KubeError,
  type KubeObject,
  type ListOptions,
  type ListPage,
  type ObjectRef,
  type Patch,
  type Resource,
  type WatchEvent,
  type WatchOptions,
} from "@belay/operator/internal";
import { applyConfiguration, conflictingManagers, type Owned } from "./field-ownership.ts";
import { type Fields, jsonPatch, mergePatch } from "./json-patches.ts";
import { matchesSelector } from "./label-selector.ts";
import { asFields, asJson, isSameContent, marked, onlyPart, stamped } from "./stored-object.ts";
import { type Change, WatchLog } from "./watch-log.ts";

interface Stored {
  readonly resource: Resource;
  readonly object: KubeObject;
  readonly owned: Owned;
}

/** A failure to inject: thrown instead of the call when it returns an error. A promise holds the call up meanwhile. */
export type Fault = (verb: string, resource: Resource) => Error | undefined | Promise<Error | undefined>;

/**
 * An API server in memory, for tests of what stands on the KubeClient port. It keeps the promises of kube-contract.ts: versions,
 * conflicts, server-side apply, watches that resume, deletion of what is owned. It runs no controllers: a test plays them.
 */
export class MemoryKube implements KubeClient {
  /** `verb plural` of every call, for the test that compares them with the RBAC rules. */
  readonly used: Set<string> = new Set();
  readonly calls: string[] = [];
  fault: Fault = () => undefined;
  readonly #objects = new Map<string, Stored>();
  readonly #log = new WatchLog();
  #version = 1;
  #uids = 0;

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    await this.#enter("get", ref.resource);
    return this.#objects.get(keyOf(ref))?.object as T | undefined;
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions): Promise<ListPage<T>> {
    await this.#enter("list", resource);
    const all = [...this.#objects.values()]
      .filter((stored) => isSame(stored.resource, resource) && isListed(stored.object, options))
      .map(({ object }) => object as T)
      .toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    const from =
      options.continueToken === undefined || options.continueToken === "" ? 0 : Number(options.continueToken);
    const to = Math.min(all.length, from + (options.limit ?? all.length));
    return {
      items: all.slice(from, to),
      resourceVersion: String(this.#version),
      continueToken: to < all.length ? String(to) : "",
    };
  }

  async *watch<T extends KubeObject>(
    resource: Resource,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    await this.#enter("watch", resource);
    const matches = (object: KubeObject): boolean => isListed(object, options);
    for await (const entry of this.#log.follow(Number(options.resourceVersion), signal)) {
      if (entry.bookmark) yield { type: "BOOKMARK", resourceVersion: String(entry.version) };
      else if (isSame(entry.resource, resource)) {
        const type = seenAs(entry, matches);
        if (type !== undefined) yield { type, object: entry.object as T };
      }
    }
  }

  async create<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    await this.#enter("create", resource);
    const ref = refOf(resource, object);
    if (resource.kind === "SubjectAccessReview") return { ...object, status: { allowed: true } };
    if (this.#objects.has(keyOf(ref)))
      throw new KubeError(409, "AlreadyExists", `${resource.plural} "${ref.name}" already exists`);
    return this.#store(ref, { object: asFields(object), owned: new Map() }) as T;
  }

  async replace<T extends KubeObject>(resource: Resource, object: T): Promise<T> {
    await this.#enter("update", resource);
    const ref = refOf(resource, object);
    const before = this.#mustHave(ref);
    if (isPassed(object, before.object)) throw conflict(ref);
    return this.#store(ref, { object: asFields(object), owned: before.owned }) as T;
  }

  async apply<T extends KubeObject>(
    resource: Resource,
    object: T,
    { fieldManager, force, subresource }: ApplyOptions,
  ): Promise<T> {
    await this.#enter("patch", resource, subresource);
    const ref = refOf(resource, object);
    const before = subresource === undefined ? this.#objects.get(keyOf(ref)) : this.#mustHave(ref);
    if (isPassed(object, before?.object)) throw conflict(ref);
    const manager = subresource === undefined ? fieldManager : `${fieldManager}/${subresource}`;
    const { object: stored, owned } = before ?? { object: {}, owned: new Map() };
    const current = asFields(stored);
    const others = force ? [] : conflictingManagers(current, owned, manager, asFields(object));
    if (others.length > 0) throw new KubeError(409, "Conflict", `Apply failed: conflict with ${others.join(", ")}`);
    return this.#store(ref, applyConfiguration(current, owned, manager, asFields(object)), subresource) as T;
  }

  async patch<T extends KubeObject>(ref: ObjectRef, patch: Patch, subresource?: "status"): Promise<T> {
    await this.#enter("patch", ref.resource, subresource);
    const before = this.#mustHave(ref);
    const target = asFields(before.object);
    const object =
      patch.type === "json"
        ? jsonPatch(target, patch.operations)
        : (mergePatch(target, patch.body as Fields) as Fields);
    return this.#store(ref, { object, owned: before.owned }, subresource) as T;
  }

  async delete(ref: ObjectRef, { uid, resourceVersion }: DeleteOptions = {}): Promise<void> {
    await this.#enter("delete", ref.resource);
    const before = this.#objects.get(keyOf(ref));
    if (before === undefined) return;
    const { metadata } = before.object;
    if (
      (uid !== undefined && uid !== metadata.uid) ||
      (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    )
      throw conflict(ref);
    if ((metadata.finalizers ?? []).length === 0) this.remove(ref);
    else if (metadata.deletionTimestamp === undefined) this.#markDeleted(ref, before);
  }

  #markDeleted(ref: ObjectRef, stored: Stored): void {
    this.#version += 1;
    const { object: before } = stored;
    const object = marked(before, this.#version);
    this.#objects.set(keyOf(ref), { ...stored, object });
    this.#log.add({ type: "MODIFIED", version: this.#version, resource: ref.resource, object, before });
  }

  /** Removes an object and, as the garbage collector does, everything it owns. */
  remove(ref: ObjectRef): void {
    const stored = this.#objects.get(keyOf(ref));
    if (stored === undefined) return;
    this.#objects.delete(keyOf(ref));
    this.#version += 1;
    const object = {
      ...stored.object,
      metadata: { ...stored.object.metadata, resourceVersion: String(this.#version) },
    };
    this.#log.add({ type: "DELETED", version: this.#version, resource: ref.resource, object, before: stored.object });
    for (const { resource, object: child } of Array.from(this.#objects.values())) {
      if (child.metadata.ownerReferences?.some((owner) => owner.uid === object.metadata.uid) === true)
        this.remove(refOf(resource, child));
    }
  }

  /** What a controller of the cluster would write into a status. */
  setStatus(ref: ObjectRef, status: unknown): void {
    const before = this.#mustHave(ref);
    this.#store(ref, { object: { ...asFields(before.object), status: asJson(status) }, owned: before.owned }, "status");
  }

  /** Ends every watch with an error, as a cut connection does. */
  cutWatches(): void {
    this.#log.cut();
  }

  /** Ends every watch as the server does when its time is up. */
  endWatches(): void {
    this.#log.end();
  }

  /** Forgets the history of changes: watches from before get 410. */
  compact(): void {
    this.#log.compact();
  }

  sendBookmarks(): void {
    this.#log.bookmark(this.#version);
  }

  async #enter(verb: string, resource: Resource, subresource?: string): Promise<void> {
    const what = `${verb} ${resource.plural}${subresource === undefined ? "" : `/${subresource}`}`;
    this.used.add(what);
    this.calls.push(what);
    await Promise.resolve();
    const error = await this.fault(verb, resource);
    if (error !== undefined) throw error;
  }

  #mustHave(ref: ObjectRef): Stored {
    const stored = this.#objects.get(keyOf(ref));
    if (stored === undefined) throw new KubeError(404, "NotFound", `${ref.resource.plural} "${ref.name}" not found`);
    return stored;
  }

  /** Stores what changed, with a new version; the same content again changes nothing, as on an API server. */
  #store(
    ref: ObjectRef,
    { object, owned }: { readonly object: Fields; readonly owned: Owned },
    subresource?: "status",
  ): KubeObject {
    const before = this.#objects.get(keyOf(ref))?.object;
    const fields = before === undefined ? object : onlyPart(asFields(before), object, subresource);
    if (before !== undefined && isSameContent(before, fields)) {
      this.#objects.set(keyOf(ref), { resource: ref.resource, object: before, owned });
      return before;
    }
    this.#version += 1;
    if (before === undefined) this.#uids += 1;
    const stored = stamped(ref, { before, fields, version: this.#version, uid: `uid-${this.#uids}` });
    this.#objects.set(keyOf(ref), { resource: ref.resource, object: stored, owned });
    const type = before === undefined ? "ADDED" : "MODIFIED";
    this.#log.add({ type, version: this.#version, resource: ref.resource, object: stored, before });
    // What waited for its finalizers goes with the last of them.
    if (stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0)
      this.remove(ref);
    return stored;
  }
}

/** What a watch with this filter sees: labels that begin or cease to match look like creation and deletion. */
function seenAs(
  { type, object, before }: Change,
  matches: (object: KubeObject) => boolean,
): Change["type"] | undefined {
  const was = before !== undefined && matches(before);
  const is = type !== "DELETED" && matches(object);
  if (was && is) return "MODIFIED";
  if (is) return "ADDED";
  return was ? "DELETED" : undefined;
}

/** Whether a write says on which version it builds, and it is not this one. */
function isPassed({ metadata: { resourceVersion } }: KubeObject, before: KubeObject | undefined): boolean {
  return resourceVersion !== undefined && resourceVersion !== before?.metadata.resourceVersion;
}

function isSame(a: Resource, b: Resource): boolean {
  return a.apiVersion === b.apiVersion && a.plural === b.plural;
}

function isListed({ metadata }: KubeObject, { namespace, labelSelector = "" }: ListOptions | WatchOptions): boolean {
  return (
    (namespace === undefined || metadata.namespace === namespace) &&
    matchesSelector(metadata.labels ?? {}, labelSelector)
  );
}

function idOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function keyOf({ resource, namespace, name }: ObjectRef): string {
  return `${resource.apiVersion} ${resource.plural} ${namespace ?? ""}/${name}`;
}

function refOf(resource: Resource, { metadata: { name, namespace } }: KubeObject): ObjectRef {
  return { resource, name, ...(namespace !== undefined && { namespace }) };
}

function conflict({ resource, name }: ObjectRef): KubeError {
  return new KubeError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${resource.plural} "${name}": the object has been modified`,
  );
}
