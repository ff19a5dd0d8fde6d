import { ERROR } from "@belay/protocol";
import { z } from "zod";
import type { PublishOutcome, PublishRequest } from "../broker/broker.ts";
import type { Namespace } from "../channels/namespace.ts";
import {
  type ApiBackend,
  type ApiMethod,
  apiMethod,
  type ApiResult,
  attempt,
  badRequest,
  namespaceOf,
  payloadOf,
} from "./api-method.ts";
import { base64, channel, flag, integer, json, text } from "./fields.ts";

/** How long the answer to an idempotency key is remembered. */
const IDEMPOTENCY_TTL_MS = 300_000;
/** Channels of one broadcast. */
const MAX_CHANNELS = 1000;
const MAX_TAGS = 64;

interface PublishOptions {
  readonly skip_history?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly delta?: boolean | undefined;
  readonly idempotency_key?: string | undefined;
  readonly version?: number | undefined;
  readonly version_epoch?: string | undefined;
  readonly ephemeral_key?: string | undefined;
}

export const labels: z.ZodType<Readonly<Record<string, string>>> = z
  .record(text, z.string("must be a string"), "must be an object of strings")
  .refine((given) => Object.keys(given).length <= MAX_TAGS, `must have at most ${MAX_TAGS} members`);

export const idempotencyField: z.ZodType<string> = z
  .string("must be a string")
  .max(256, "must have at most 256 characters");

const options = {
  data: json.optional().describe("The payload, any JSON; required unless b64data is there."),
  b64data: base64.optional().describe("The payload as base64, for channels of binary payloads."),
  skip_history: flag.optional().describe("Deliver it, but do not keep it in the history."),
  tags: labels.optional().describe("Labels that subscribers see and filter by."),
  delta: flag.optional().describe("Subscribers that negotiated deltas get a patch of the publication before."),
  idempotency_key: idempotencyField
    .optional()
    .describe(
      "A second publish with this key in the channel within 5 minutes is answered like the first and not made.",
    ),
  version: integer(0).optional().describe("Not made when the channel has seen this version or a larger one."),
  version_epoch: text.optional().describe("Versions are compared within one epoch only."),
  ephemeral_key: z
    .string("must be a string")
    .max(256, "must have at most 256 characters")
    .optional()
    .describe(
      "Makes the publication ephemeral: without a place (the answer's offset is 0) and a history, and a slow reader gets only the newest with this key in the channel. In ephemeral namespaces every publication is; its key is empty when absent.",
    ),
} as const;

const published: z.ZodType = z.object({
  offset: integer(0).describe("Place in the channel's order."),
  epoch: text.describe("The order's epoch."),
});

const publish: ApiMethod = apiMethod({
  summary: "Publish to a channel.",
  request: z.object({ channel, ...options }),
  response: published,
  channelsOf: (request) => [request.channel],
  run: (backend, request, body) => {
    const data = payloadOf(body, "data");
    return data === undefined
      ? Promise.resolve(NO_DATA)
      : attempt(publishTo(backend, request.channel, { ...request, payload: data }));
  },
});

const broadcast: ApiMethod = apiMethod({
  summary: "Publish the same to many channels. Each has an answer of its own, in the order of the request.",
  request: z.object({
    channels: z
      .array(text, "must be a list of strings")
      .max(MAX_CHANNELS, `must have at most ${MAX_CHANNELS} channels`)
      .describe("Names of channels."),
    ...options,
  }),
  response: z.object({ responses: z.array(z.object({ result: published.optional(), error: z.unknown().optional() })) }),
  channelsOf: (request) => request.channels,
  run: async (backend, request, body) => {
    const data = payloadOf(body, "data");
    if (data === undefined) return NO_DATA;
    const publication = { ...request, payload: data };
    const responses = await Promise.all(request.channels.map((name) => attempt(publishTo(backend, name, publication))));
    return { result: `{"responses":[${responses.map((response) => answerText(response)).join(",")}]}` };
  },
});

const NO_DATA: ApiResult = badRequest("data must be there");

/** `{"result":…}` or `{"error":…}`. */
export function answerText(answer: ApiResult): string {
  return "result" in answer ? `{"result":${answer.result}}` : JSON.stringify({ error: answer.error });
}

interface Publication extends PublishOptions {
  readonly payload: Buffer;
}

async function publishTo(backend: ApiBackend, name: string, publication: Publication): Promise<ApiResult> {
  const namespace = namespaceOf(backend, name);
  if ("error" in namespace) return namespace;
  const { payload } = publication;
  if (payload.length > namespace.maxPayloadBytes) {
    return badRequest(`data must have at most ${namespace.maxPayloadBytes} bytes, was: ${payload.length}`);
  }
  const verdict = namespace.checkPayload(payload);
  if (!verdict.ok) return badRequest(verdict.problem);
  if (namespace.inbox) return sendToInboxes(backend, name, publication, verdict.data);
  if (namespace.ephemeral || publication.ephemeral_key !== undefined) {
    return publishEphemeral(backend, name, publication, verdict.data);
  }
  if (namespace.history === undefined && publication.version !== undefined) return { error: ERROR.notAvailable };
  const { position }: PublishOutcome = await backend.broker.publish(
    requestOf(name, namespace, publication, verdict.data),
  );
  return { result: JSON.stringify(position) };
}

async function publishEphemeral(
  { broker }: ApiBackend,
  name: string,
  { ephemeral_key: key = "", tags, version, idempotency_key: idempotencyKey }: Publication,
  data: Buffer,
): Promise<ApiResult> {
  if ((version ?? 0) > 0 || (idempotencyKey ?? "") !== "") {
    return badRequest("an ephemeral publication takes no version and no idempotency_key");
  }
  await broker.publishEphemeral({ channel: name, key, data, ...(tags !== undefined && { tags }) });
  return { result: JSON.stringify({ offset: 0, epoch: "" }) };
}

/**
 * Into the inbox of each user that the channel lists; of several places none is the answer. Another attempt with the same
 * idempotency key reaches those who were not reached.
 */
async function sendToInboxes(
  { inbox, channels }: ApiBackend,
  name: string,
  publication: Publication,
  data: Buffer,
): Promise<ApiResult> {
  const { tags, idempotency_key: key } = publication;
  const lookup = channels().find(name);
  const users = [...(lookup.ok ? (lookup.users ?? []) : [])];
  if (users.length === 0 || isUnkept(publication) || !inbox.isEnabled) return { error: ERROR.notAvailable };
  const posting = { data, idempotencyKey: key, ...(tags !== undefined && { tags }) };
  const [first, second] = await inbox.sendToAll(users, posting);
  return { result: JSON.stringify(second === undefined ? first : { offset: 0, epoch: "" }) };
}

/** What an inbox cannot do. */
function isUnkept({ skip_history: skipsHistory, ephemeral_key: ephemeralKey, version = 0 }: Publication): boolean {
  return skipsHistory === true || ephemeralKey !== undefined || version > 0;
}

/** Who sees it again, and whether it is made at all. */
function guards({ idempotency_key: key, version, version_epoch: epoch }: Publication): Partial<PublishRequest> {
  return {
    ...(key !== undefined && key !== "" && { idempotency: { key, ttlMs: IDEMPOTENCY_TTL_MS } }),
    ...(version !== undefined && version > 0 && { version: { number: version, epoch: epoch ?? "" } }),
  };
}

function requestOf(name: string, namespace: Namespace, publication: Publication, data: Buffer): PublishRequest {
  const { skip_history: skipsHistory, tags, delta } = publication;
  return {
    channel: name,
    data,
    ...(namespace.history !== undefined && skipsHistory !== true && { history: namespace.history }),
    ...(tags !== undefined && { tags }),
    ...((delta === true || namespace.publishDelta) && { useDelta: true }),
    ...guards(publication),
  };
}

export const PUBLISH_METHODS: Readonly<Record<"publish" | "broadcast", ApiMethod>> = { publish, broadcast };
