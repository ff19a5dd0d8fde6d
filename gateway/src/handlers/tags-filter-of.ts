import { compileTagsFilter, ERROR, type ErrorReply, type SubscribeRequest, type TagsPredicate } from "@belay/protocol";
import type { Namespace } from "../channels/namespace.ts";

/** The filter that a subscriber asks for; undefined where it asks for none. */
export function filterOf(
  { tagsFilter }: SubscribeRequest,
  namespace: Namespace,
): { readonly accepts: TagsPredicate } | { readonly error: ErrorReply } | undefined {
  if (tagsFilter === undefined) return undefined;
  if (!namespace.tagsFilter) return refused("tags filter must be allowed in this channel");
  const compiled = compileTagsFilter(tagsFilter);
  return compiled.ok ? compiled : refused(compiled.problem);
}

function refused(problem: string): { readonly error: ErrorReply } {
  return { error: { ...ERROR.badRequest, message: problem } };
}
