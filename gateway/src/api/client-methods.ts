import { CLOSE, UNSUBSCRIBE } from "@belay/protocol";
import { z } from "zod";
import { type ApiMethod, apiMethod, attempt, badRequest, EMPTY, namespaceOf, payloadOf } from "./api-method.ts";
import { base64, channel, empty, flag, integer, json, position, target, text, user } from "./fields.ts";

const CODE_RULE = "must be an integer from 3000 to 4999";
/** RFC 6455 allows 123 bytes; characters of four bytes are the worst case. */
const REASON_RULE = "must be plain words of at most 30 characters";
/** How long revocations and blocks last where the request does not say: as long as tokens usually live. */
const DEFAULT_TTL_SECONDS = 86_400;
/** Ten years. */
const MAX_TTL_SECONDS = 315_360_000;

const setting: z.ZodType<boolean> = z
  .object({ value: flag }, 'must be {"value": true} or {"value": false}')
  .transform(({ value }) => value);

const override = z
  .object(
    {
      presence: setting.optional(),
      join_leave: setting.optional(),
      force_push_join_leave: setting.optional(),
      force_recovery: setting.optional(),
      force_positioning: setting.optional(),
    },
    "must be an object",
  )
  .transform((one) => ({
    presence: one.presence,
    joinLeave: one.join_leave,
    forceJoinLeave: one.force_push_join_leave,
    forceRecovery: one.force_recovery,
    forcePositioning: one.force_positioning,
  }))
  .describe("Instead of what the namespace says.");

const subscribe: ApiMethod = apiMethod({
  summary: "Subscribe connections of a user to a channel.",
  request: z.object({
    ...target,
    channel,
    info: json.optional().describe("Shown to others as chan_info."),
    b64info: base64.optional(),
    data: json.optional().describe("Given to the client with the subscription."),
    b64data: base64.optional(),
    expire_at: integer(0).optional().describe("Seconds since 1970 at which the subscription ends."),
    recover_since: position.optional().describe("Recover from here."),
    override: override.optional(),
  }),
  response: empty,
  channelsOf: (request) => [request.channel],
  run: (backend, request, body) => {
    const namespace = namespaceOf(backend, request.channel);
    if ("error" in namespace) return Promise.resolve(namespace);
    const [info, data] = [payloadOf(body, "info"), payloadOf(body, "data")];
    const { user: owner, client, session, expire_at: expiresAt, recover_since: recoverSince } = request;
    const overrides = definedOf(request.override);
    const order = {
      user: owner,
      client,
      session,
      channel: request.channel,
      expiresAt,
      recoverSince,
      override: overrides,
      info: info?.toString("base64"),
      data: data?.toString("base64"),
    };
    return attempt(backend.control.subscribe(order).then(() => EMPTY));
  },
});

function definedOf(settings: Readonly<Record<string, boolean | undefined>> | undefined): Record<string, boolean> {
  const entries = Object.entries(settings ?? {});
  return Object.fromEntries(entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

const unsubscribe: ApiMethod = apiMethod({
  summary: "End subscriptions of a user; an empty channel means all of them.",
  request: z.object({ ...target, channel: text.describe("Name of a channel, or empty.") }),
  response: empty,
  channelsOf: (request) => [request.channel],
  run: (backend, request) =>
    attempt(backend.control.unsubscribe({ ...request, ...UNSUBSCRIBE.server }).then(() => EMPTY)),
});

const disconnect: ApiMethod = apiMethod({
  summary: "Close connections of a user.",
  request: z.object({
    ...target,
    whitelist: z.array(text, "must be a list of strings").optional().describe("Client ids that stay."),
    disconnect: z
      .object(
        {
          code: z.number(CODE_RULE).int(CODE_RULE).min(3000, CODE_RULE).max(4999, CODE_RULE).default(CLOSE.forced.code),
          reason: z
            .string(REASON_RULE)
            .max(30, REASON_RULE)
            .refine(isPlainText, REASON_RULE)
            .default(CLOSE.forced.reason),
        },
        "must be an object",
      )
      .optional()
      .describe("The close code, whose range says whether the client comes back, and why."),
  }),
  response: empty,
  channelsOf: () => [],
  run: (backend, { disconnect: reason, ...whom }) =>
    attempt(backend.control.disconnect({ ...whom, ...(reason ?? CLOSE.forced) }).then(() => EMPTY)),
});

/** CLS2: an SDK would read JSON as an instruction. */
function isPlainText(reason: string): boolean {
  try {
    JSON.parse(reason);
    return false;
  } catch {
    // What cannot be parsed is what is wanted.
    return true;
  }
}

const refresh: ApiMethod = apiMethod({
  summary: "Move the end of connections of a user, or end them as expired.",
  request: z.object({
    ...target,
    expired: flag.optional().describe("Close them as expired."),
    expire_at: integer(0).optional().describe("Seconds since 1970; absent: without an end."),
    info: json.optional().describe("New connection info."),
  }),
  response: empty,
  channelsOf: () => [],
  run: (backend, { expired, expire_at: expiresAt, user: owner, client, session }, body) => {
    const info = payloadOf(body, "info")?.toString("utf8");
    const order = { user: owner, client, session, isExpired: expired === true, expiresAt, info };
    return attempt(backend.control.refresh(order).then(() => EMPTY));
  },
});

const ttl = integer(1, MAX_TTL_SECONDS)
  .optional()
  .describe(
    `Seconds for which it is remembered; ${DEFAULT_TTL_SECONDS} when absent. Take the longest life of a token.`,
  );

const revoke: ApiMethod = apiMethod({
  summary: "Void tokens: of a user, of one token id, or of those issued before a time. Their connections are closed.",
  request: z
    .object({
      user: user.optional(),
      token_id: text.optional().describe("The jti claim."),
      issued_before: integer(0).optional().describe("Seconds since 1970; absent: all there are now."),
      ttl,
    })
    .refine(({ user: owner, token_id: id }) => owner !== undefined || id !== undefined, "must have user or token_id"),
  response: empty,
  channelsOf: () => [],
  run: (backend, request) => {
    const now = Math.floor(backend.clock.date().getTime() / 1000);
    const { user: owner, token_id: tokenId, issued_before: issuedBefore, ttl: seconds = DEFAULT_TTL_SECONDS } = request;
    if (owner === "") return Promise.resolve(badRequest("user must not be empty"));
    const revocation = {
      until: now + seconds,
      ...(owner !== undefined && { user: owner }),
      ...(tokenId !== undefined && { tokenId }),
      ...(tokenId === undefined && { issuedBefore: issuedBefore ?? now + 1 }),
    };
    return attempt(backend.revocations.add(revocation).then(() => EMPTY));
  },
});

const block: ApiMethod = apiMethod({
  summary: "Block a user: connections are closed, and no token opens one until the block ends.",
  request: z.object({ user: z.string("must be a string").min(1, "must not be empty"), ttl }),
  response: empty,
  channelsOf: () => [],
  run: (backend, { user: owner, ttl: seconds = DEFAULT_TTL_SECONDS }) => {
    const until = Math.floor(backend.clock.date().getTime() / 1000) + seconds;
    return attempt(backend.revocations.add({ user: owner, until, isBlock: true }).then(() => EMPTY));
  },
});

const unblock: ApiMethod = apiMethod({
  summary: "Take a block back.",
  request: z.object({ user: z.string("must be a string").min(1, "must not be empty") }),
  response: empty,
  channelsOf: () => [],
  run: (backend, { user: owner }) => attempt(backend.revocations.unblock(owner).then(() => EMPTY)),
});

export const CLIENT_METHODS: Readonly<
  Record<"subscribe" | "unsubscribe" | "disconnect" | "refresh" | "revoke" | "block" | "unblock", ApiMethod>
> = {
  subscribe,
  unsubscribe,
  disconnect,
  refresh,
  revoke,
  block,
  unblock,
};
