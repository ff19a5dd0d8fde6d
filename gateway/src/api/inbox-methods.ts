import { ERROR } from "@belay/protocol";
import { z } from "zod";
import { type ApiMethod, apiMethod, attempt, badRequest, payloadOf } from "./api-method.ts";
import { integer, json, text } from "./fields.ts";
import { idempotencyField, labels } from "./publish-methods.ts";

/** A year, as the configuration allows. */
const MAX_TTL_SECONDS = 31_536_000;
const MAX_USER_LENGTH = 255;
const USER_RULE = `must be the id of a user, of 1 to ${MAX_USER_LENGTH} characters`;

const inboxSend: ApiMethod = apiMethod({
  path: "inbox/send",
  summary: "Put a message into a user's inbox, whether the user is connected or not.",
  request: z.object({
    user: z.string(USER_RULE).min(1, USER_RULE).max(MAX_USER_LENGTH, USER_RULE).describe("Id of the user."),
    data: json.optional().describe("The payload, any JSON; required."),
    tags: labels.optional().describe("Labels that the client sees."),
    idempotency_key: idempotencyField
      .optional()
      .describe(
        "A second message with this key for the user within 5 minutes is answered like the first and not stored.",
      ),
    ttl: integer(1, MAX_TTL_SECONDS)
      .optional()
      .describe("Seconds that the message is kept; at most, and without it, what the cluster is configured with."),
  }),
  response: z.object({
    offset: integer(0).describe("Place in the inbox's order."),
    epoch: text.describe("Epoch of the place."),
  }),
  channelsOf: () => [],
  run: async (backend, { user, tags, idempotency_key: key, ttl }, body) => {
    if (!backend.inbox.isEnabled) return { error: ERROR.notAvailable };
    const data = payloadOf(body, "data");
    if (data === undefined) return badRequest("data must be there");
    const ttlMs = ttl === undefined ? undefined : ttl * 1000;
    const posting = { data, idempotencyKey: key, ttlMs, ...(tags !== undefined && { tags }) };
    return attempt(backend.inbox.send(user, posting).then((position) => ({ result: JSON.stringify(position) })));
  },
});

export const INBOX_METHODS: Readonly<Record<"inbox_send", ApiMethod>> = { inbox_send: inboxSend };
