/** What each method of the server API does (API2, API4, API5). */
import { CLOSE, channelProblem, ERROR, type ErrorReply, rawMember, withoutNewlines } from "@belay/protocol";
import { z } from "zod";
import { type Broker, BrokerUnavailableError } from "../broker/broker.ts";
import { lookupRefusal } from "../channels/lookup-refusal.ts";
import type { ChannelTable } from "../channels/namespace.ts";
import type { ClientControl } from "../node/client-control.ts";
import type { Registry } from "../registry/registry.ts";

/** One node, as `info` tells it; counts are known of the answering node only. */
export interface NodeInfo {
  readonly uid: string;
  readonly revision: string;
  readonly name?: string;
  readonly version?: string;
  readonly num_clients?: number;
  readonly num_users?: number;
  readonly num_channels?: number;
  /** Seconds. */
  readonly uptime?: number;
}

export interface ApiBackend {
  readonly broker: Broker;
  readonly registry: Registry;
  readonly control: ClientControl;
  /** The namespaces of the current settings. */
  readonly channels: () => ChannelTable;
  /** This node, with counts. */
  readonly describe: () => NodeInfo;
}

export interface ApiBody {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

type ApiResult = { readonly result: unknown } | { readonly error: ErrorReply };
export type ApiMethod = (backend: ApiBackend, body: ApiBody) => Promise<ApiResult>;

export const API_METHODS: ReadonlyMap<string, ApiMethod> = new Map<string, ApiMethod>([
  ["publish", publish],
  ["broadcast", broadcast],
  ["disconnect", disconnect],
  ["info", info],
]);

function badRequest(problem: string): ApiResult {
  return { error: { ...ERROR.badRequest, message: problem } };
}

/** An empty result, or a temporary error while the broker is away. */
async function attempt(work: Promise<unknown>): Promise<ApiResult> {
  try {
    await work;
    return { result: {} };
  } catch (error) {
    if (error instanceof BrokerUnavailableError) return { error: ERROR.internal };
    throw error;
  }
}

async function publish(backend: ApiBackend, { fields: { channel }, text }: ApiBody): Promise<ApiResult> {
  const payload = payloadOf(text);
  if (typeof channel !== "string") return badRequest("channel must be a string");
  if (payload === undefined) return badRequest("data must be there");
  return publishTo(backend, channel, payload);
}

/** By no permission, but by everything else that its namespace says. */
async function publishTo({ broker, channels }: ApiBackend, channel: string, data: Buffer): Promise<ApiResult> {
  const problem = channelProblem(channel);
  if (problem !== undefined) return badRequest(problem);
  const lookup = channels().find(channel);
  if (!lookup.ok) return { error: lookupRefusal(lookup) };
  const { history, publishDelta } = lookup.namespace;
  const payload = lookup.namespace.checkPayload(data);
  if (!payload.ok) return badRequest(payload.problem);
  return attempt(
    broker.publish({
      channel,
      data: payload.data,
      ...(history !== undefined && { history }),
      ...(publishDelta && { useDelta: true }),
    }),
  );
}

function payloadOf(text: string): Buffer | undefined {
  const data = rawMember(text, ["data"]);
  return data === undefined ? undefined : Buffer.from(withoutNewlines(data));
}

async function broadcast(backend: ApiBackend, { fields: { channels }, text }: ApiBody): Promise<ApiResult> {
  const payload = payloadOf(text);
  if (!Array.isArray(channels) || !channels.every((channel) => typeof channel === "string")) {
    return badRequest("channels must be a list of strings");
  }
  if (payload === undefined) return badRequest("data must be there");
  const responses = await Promise.all(channels.map((channel) => publishTo(backend, channel, payload)));
  return { result: { responses } };
}

const CODE_RULE = "must be an integer from 3000 to 4999";
/** RFC 6455 allows 123 bytes; characters of four bytes are the worst case. */
const REASON_RULE = "must be plain words of at most 30 characters";

const disconnectBody: z.ZodType<{
  readonly user: string;
  readonly client?: string | undefined;
  readonly disconnect?: { readonly code: number; readonly reason: string } | null | undefined;
}> = z.object({
  user: z.string("must be a string"),
  client: z.string("must be a string").optional(),
  disconnect: z
    .object({
      code: z.number(CODE_RULE).int(CODE_RULE).min(3000, CODE_RULE).max(4999, CODE_RULE).default(CLOSE.forced.code),
      reason: z.string(REASON_RULE).max(30, REASON_RULE).refine(isPlainText, REASON_RULE).default(CLOSE.forced.reason),
    })
    .nullish(),
});

/** CLS2: an SDK would read JSON as an instruction. */
function isPlainText(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch {
    // What cannot be parsed is what is wanted.
    return true;
  }
}

async function disconnect({ control }: ApiBackend, { fields }: ApiBody): Promise<ApiResult> {
  const parsed = disconnectBody.safeParse(fields);
  if (!parsed.success) {
    return badRequest(parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; "));
  }
  const { user, client, disconnect: reason } = parsed.data;
  return attempt(control.disconnect({ user, ...(client !== undefined && { client }), ...(reason ?? CLOSE.forced) }));
}

async function info({ registry, describe }: ApiBackend): Promise<ApiResult> {
  const own = describe();
  let others: readonly NodeInfo[] = [];
  const answer = await attempt(
    registry.liveNodes().then((nodes) => {
      others = nodes
        .filter(({ podUid }) => podUid !== own.uid)
        .map(({ podUid, revision }) => ({ uid: podUid, revision }));
      return others;
    }),
  );
  return "error" in answer ? answer : { result: { nodes: [own, ...others] } };
}
