import { type JsonPatchOperation, KubeError } from "@belay/operator/internal";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type Fields = { readonly [key: string]: Json };

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7386: null removes, objects merge, everything else replaces. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isFields(patch)) return patch;
  const merged: Record<string, Json> = isFields(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** The operations of RFC 6902 that the operator uses, on objects; a failed test is a 422, as on an API server. */
export function jsonPatch(target: Fields, operations: readonly JsonPatchOperation[]): Fields {
  return operations.reduce((object, operation) => {
    const path = operation.path
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return patchAt(object, path, operation) as Fields;
  }, target);
}

function patchAt(target: Json | undefined, [key, ...rest]: readonly string[], operation: JsonPatchOperation): Json {
  if (key === undefined) return target ?? null;
  const container = Array.isArray(target) ? Object.fromEntries(target.entries()) : target;
  if (!isFields(container)) throw invalid(operation, "its parent does not exist");
  if (rest.length > 0) return rebuilt(target, { ...container, [key]: patchAt(container[key], rest, operation) });
  if (operation.op !== "add" && container[key] === undefined) throw invalid(operation, "it does not exist");
  return rebuilt(target, patchMember(container, key, operation));
}

function patchMember(container: Fields, key: string, operation: JsonPatchOperation): Fields {
  switch (operation.op) {
    case "test":
      if (JSON.stringify(container[key]) === JSON.stringify(operation.value)) return container;
      throw invalid(operation, `was ${JSON.stringify(container[key])}`);
    case "replace":
    case "add":
      return { ...container, [key]: operation.value as Json };
    case "remove": {
      const { [key]: _removed, ...left } = container;
      return left;
    }
  }
}

function rebuilt(target: Json | undefined, fields: Fields): Json {
  return Array.isArray(target) ? Object.values(fields) : fields;
}

function invalid({ op, path }: JsonPatchOperation, problem: string): KubeError {
  return new KubeError(422, "Invalid", `the server rejected our request: ${op} ${path}: ${problem}`);
}
