import { ERROR, type ErrorReply, type SubscribeRequest } from "@belay/protocol";
import type { Namespace } from "../channels/namespace.ts";

export type TagsPredicate = (tags: Readonly<Record<string, string>>) => boolean;

/** The filter that a subscriber asks for; undefined where it asks for none. */
export function filterOf(
  { tagsFilter }: SubscribeRequest,
  namespace: Namespace,
): { readonly accepts: TagsPredicate } | { readonly error: ErrorReply } | undefined {
  if (tagsFilter === undefined) return undefined;
  if (!namespace.tagsFilter)
    return { error: { ...ERROR.badRequest, message: "tags filter is not allowed in this channel" } };
  return { error: ERROR.notAvailable };
}
