import type { KubeObject, ObjectMeta, ObjectRef } from "@belay/operator/internal";
import { type Fields, isFields, type Json } from "./json-patches.ts";

/** What an API server does to an object on its way into the store. Pure. */

const epoch = "2026-01-01T00:00:00Z";

interface Stamp {
  readonly before: KubeObject | undefined;
  readonly fields: Fields;
  readonly version: number;
  readonly uid: string;
}

/** The object with the metadata that only the server writes. */
export function stamped({ resource, name, namespace }: ObjectRef, { before, fields, version, uid }: Stamp): KubeObject {
  const specChanged = JSON.stringify(asFields(before ?? {})["spec"]) !== JSON.stringify(fields["spec"]);
  const kept: Partial<ObjectMeta> = before?.metadata ?? { uid, creationTimestamp: epoch };
  const { generation = 0, creationTimestamp, deletionTimestamp } = kept;
  const metadata = {
    ...withoutServerFields(metadataOf(fields)),
    name,
    namespace,
    uid: kept.uid,
    creationTimestamp,
    deletionTimestamp,
    resourceVersion: String(version),
    generation: specChanged || before === undefined ? generation + 1 : generation,
  };
  // Through JSON, so that what is undefined is not there.
  return asJson({ ...fields, apiVersion: resource.apiVersion, kind: resource.kind, metadata }) as unknown as KubeObject;
}

/** The object as deletion leaves it while its finalizers are not gone. */
export function marked(before: KubeObject, version: number): KubeObject {
  const metadata = {
    ...before.metadata,
    resourceVersion: String(version),
    generation: (before.metadata.generation ?? 0) + 1,
    deletionTimestamp: epoch,
  };
  return { ...before, metadata };
}

function withoutServerFields(metadata: Fields): Fields {
  const {
    resourceVersion: _version,
    uid: _uid,
    generation: _generation,
    creationTimestamp: _created,
    deletionTimestamp: _deleted,
    ...rest
  } = metadata;
  return rest;
}

/** A write to the object leaves its status, a write to the status leaves everything else. */
export function onlyPart(before: Fields, after: Fields, subresource: "status" | undefined): Fields {
  const status = subresource === "status" ? after["status"] : before["status"];
  const rest = subresource === "status" ? before : after;
  const { status: _dropped, ...fields } = rest;
  return status === undefined ? fields : { ...fields, status };
}

export function isSameContent(before: KubeObject, after: Fields): boolean {
  return contentOf(asFields(before)) === contentOf(after);
}

function contentOf(object: Fields): string {
  return JSON.stringify(
    sorted({ ...object, apiVersion: "", kind: "", metadata: withoutServerFields(metadataOf(object)) }),
  );
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((each: Json) => sorted(each));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}

function metadataOf(object: Fields): Fields {
  return isFields(object["metadata"]) ? object["metadata"] : {};
}

/** Stored values share nothing with the caller's, as over a wire; `undefined` fields vanish. */
export function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

export function asFields(value: unknown): Fields {
  return asJson(value) as Fields;
}
