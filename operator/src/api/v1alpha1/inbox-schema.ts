/** Schema of inboxes: messages that wait for a user who is not there. */
import { z } from "zod";
import { rules } from "../fields.ts";
import type { InboxSpec } from "./gen/types.ts";

export const inbox: z.ZodType<InboxSpec> = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe(
        "Turned off, nothing is put into inboxes and none is opened; what is in them stays until its time is over.",
      ),
    size: z
      .int32()
      .min(1)
      .max(100_000)
      .default(1000)
      .describe("Messages kept for one user; of more the oldest go first."),
    ttlSeconds: z.int32().min(1).max(31_536_000).default(604_800).describe("How long a message is kept."),
  })
  .meta({ typeName: "InboxSpec" });

/** On the spec: what is published to such a namespace would have nowhere to go. */
export const inboxRule: ReturnType<typeof rules> = rules([
  "(has(self.inbox) && self.inbox.enabled) || !((has(self.namespaces) && self.namespaces.exists(n, has(n.inbox) && n.inbox)) || (has(self.unprefixed) && has(self.unprefixed.inbox) && self.unprefixed.inbox))",
  "inbox must be enabled where a namespace has inbox",
]);
