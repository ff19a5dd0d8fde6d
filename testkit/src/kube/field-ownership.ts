import { type Fields, isFields, type Json } from "./json-patches.ts";

/** Server-side apply as far as the operator leans on it: objects merge field by field, lists are one value. */

export type Owned = ReadonlyMap<string, ReadonlySet<string>>;

/** Paths of the leaves of an applied configuration, `/`-joined. Identity fields are nobody's. */
function leafPaths(value: Json, prefix = ""): ReadonlySet<string> {
  const paths = new Set<string>();
  if (!isFields(value) || Object.keys(value).length === 0) {
    paths.add(prefix);
    return paths;
  }
  for (const [key, each] of Object.entries(value)) {
    const path = `${prefix}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (identity.has(path)) continue;
    for (const leaf of leafPaths(each, path)) paths.add(leaf);
  }
  return paths;
}

const identity = new Set([
  "/apiVersion",
  "/kind",
  "/metadata/name",
  "/metadata/namespace",
  "/metadata/uid",
  "/metadata/resourceVersion",
]);

export interface Applied {
  readonly object: Fields;
  readonly owned: Owned;
}

/** What the manager stopped applying goes, unless somebody else applied it too; then the new configuration is laid over. */
export function applyConfiguration(current: Fields, owned: Owned, manager: string, configuration: Fields): Applied {
  const now = leafPaths(configuration);
  let object: Json = current;
  for (const path of owned.get(manager) ?? []) {
    const others = [...owned].some(([name, paths]) => name !== manager && paths.has(path));
    if (!now.has(path) && !others) object = without(object, parts(path));
  }
  const next = new Map(owned).set(manager, now);
  return { object: overlay(object, configuration) as Fields, owned: next };
}

/** Who else applied a field that this configuration would change. */
export function conflictingManagers(
  current: Fields,
  owned: Owned,
  manager: string,
  configuration: Fields,
): readonly string[] {
  const changed = [...leafPaths(configuration)].filter(
    (path) => JSON.stringify(valueAt(current, parts(path))) !== JSON.stringify(valueAt(configuration, parts(path))),
  );
  return [...owned]
    .filter(([name, paths]) => name !== manager && changed.some((path) => paths.has(path)))
    .map(([name]) => name);
}

function valueAt(target: Json | undefined, [key, ...rest]: readonly string[]): Json | undefined {
  if (key === undefined) return target;
  return isFields(target) ? valueAt(target[key], rest) : undefined;
}

function parts(path: string): readonly string[] {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function overlay(target: Json | undefined, value: Json): Json {
  if (!isFields(value) || !isFields(target)) return value;
  const merged: Record<string, Json> = { ...target };
  for (const [key, each] of Object.entries(value)) merged[key] = overlay(merged[key], each);
  return merged;
}

function without(target: Json, [key, ...rest]: readonly string[]): Json {
  if (key === undefined || !isFields(target)) return target;
  const { [key]: child, ...others } = target;
  if (child === undefined) return target;
  if (rest.length === 0) return others;
  const left = without(child, rest);
  return isFields(left) && Object.keys(left).length === 0 ? others : { ...others, [key]: left };
}
