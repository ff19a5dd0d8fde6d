import { z } from "zod";
import type { DisconnectCommand } from "./broker.ts";

/** What nodes say to each other; a kind that this version does not know is ignored, so that revisions can mix. */
const NODE_MESSAGE = z.object({
  kind: z.literal("disconnect"),
  user: z.string(),
  client: z.string().optional(),
  code: z.number().int(),
  reason: z.string(),
});

export function encodeDisconnect(command: DisconnectCommand): string {
  return JSON.stringify({ kind: "disconnect", ...command });
}

/** Undefined when the bytes are not a message that this version acts on. */
export function parseDisconnect(bytes: Buffer): DisconnectCommand | undefined {
  const parsed = NODE_MESSAGE.safeParse(parseJson(bytes));
  if (!parsed.success) return undefined;
  const { user, client, code, reason } = parsed.data;
  return { user, code, reason, ...(client === undefined ? {} : { client }) };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
