/** The server API (API1–API6): what an application's backend may ask of any node. */
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  CLOSE,
  channelProblem,
  ERROR,
  type ErrorReply,
  isDeeperThan,
  MAX_NESTING,
  rawMember,
  withoutNewlines,
} from "@belay/protocol";
import { type Broker, BrokerUnavailableError } from "../broker/broker.ts";
import type { Registry } from "../registry/registry.ts";
import type { SettingsSource } from "../settings.ts";
import { authorization, isSameSecret, readBody, sendJson, sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

export interface NodeInfo {
  readonly uid: string;
  readonly name?: string;
  readonly version?: string;
  readonly revision: string;
  readonly num_clients?: number;
  readonly num_users?: number;
  readonly num_channels?: number;
}

export interface ApiOptions {
  readonly settings: SettingsSource;
  readonly broker: Broker;
  readonly registry: Registry;
  /** This node, with counts. */
  readonly describe: () => NodeInfo;
  readonly onRequest: (method: string, outcome: "ok" | "error" | "refused") => void;
}

type Fields = Readonly<Record<string, unknown>>;
type Result = { readonly result: unknown } | { readonly error: ErrorReply };
type Method = (options: ApiOptions, body: Fields, text: string) => Promise<Result>;

const PREFIX = "/api/";

export function apiRoute(options: ApiOptions): (path: string) => Route | undefined {
  return (path) =>
    path.startsWith(PREFIX)
      ? {
          methods: ["POST"],
          serve: (request, response) => serve(options, path.slice(PREFIX.length), request, response),
        }
      : undefined;
}

async function serve(
  options: ApiOptions,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { config, apiKey } = options.settings.current;
  const header = request.headers["x-api-key"];
  const key = typeof header === "string" ? header : authorization(request, "apikey");
  const method = METHODS.get(name);
  const body =
    isSameSecret(key, apiKey) && method !== undefined
      ? await readBody(request, config.limits.maxMessageBytes)
      : "refused";
  if (body === undefined) return;
  if (body === "refused" || method === undefined) {
    options.onRequest(method === undefined ? "unknown" : name, "refused");
    if (isSameSecret(key, apiKey)) sendJson(request, response, 404, JSON.stringify({ error: ERROR.methodNotFound }));
    else sendText(request, response, 401, "a valid X-API-Key header must be given");
    return;
  }
  const fields = body.ok ? parseFields(body.text) : undefined;
  if (!body.ok || fields === undefined) {
    options.onRequest(name, "refused");
    sendText(request, response, body.ok ? 400 : body.status, body.ok ? "body must be a JSON object" : body.problem);
    return;
  }
  const result = await method(options, fields, body.ok ? body.text : "");
  options.onRequest(name, "error" in result ? "error" : "ok");
  sendJson(request, response, 200, JSON.stringify(result));
}

function parseFields(text: string): Fields | undefined {
  if (isDeeperThan(text, MAX_NESTING)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    // Not JSON: the caller answers 400.
    return undefined;
  }
}

const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["publish", publish],
  ["broadcast", broadcast],
  ["disconnect", disconnect],
  ["info", info],
]);

function badRequest(problem: string): Result {
  return { error: { ...ERROR.badRequest, message: problem } };
}

async function publish({ broker }: ApiOptions, { channel }: Fields, text: string): Promise<Result> {
  const data = rawMember(text, ["data"]);
  if (typeof channel !== "string") return badRequest("channel must be a string");
  if (data === undefined) return badRequest("data must be there");
  return publishTo(broker, channel, Buffer.from(withoutNewlines(data)));
}

async function publishTo(broker: Broker, channel: string, data: Buffer): Promise<Result> {
  const problem = channelProblem(channel);
  if (problem !== undefined) return badRequest(problem);
  return attempt(() => broker.publish({ channel, data }));
}

/** An empty result, or a temporary error while the broker is away. */
async function attempt(work: () => Promise<unknown>): Promise<Result> {
  try {
    await work();
    return { result: {} };
  } catch (error) {
    if (error instanceof BrokerUnavailableError) return { error: ERROR.internal };
    throw error;
  }
}

async function broadcast({ broker }: ApiOptions, { channels }: Fields, text: string): Promise<Result> {
  const data = rawMember(text, ["data"]);
  if (!Array.isArray(channels) || !channels.every((channel) => typeof channel === "string")) {
    return badRequest("channels must be a list of strings");
  }
  if (data === undefined) return badRequest("data must be there");
  const payload = Buffer.from(withoutNewlines(data));
  const responses = await Promise.all(channels.map((channel) => publishTo(broker, channel, payload)));
  return { result: { responses } };
}

/** RFC 6455 allows 123 bytes; characters of four bytes are the worst case. */
const MAX_REASON_CHARACTERS = 30;

async function disconnect({ broker }: ApiOptions, { user, client, disconnect: wanted }: Fields): Promise<Result> {
  if (typeof user !== "string") return badRequest("user must be a string");
  if (client !== undefined && typeof client !== "string") return badRequest("client must be a string");
  const reason = closeReason(wanted);
  if (typeof reason === "string") return badRequest(reason);
  return attempt(() => broker.sendDisconnect({ user, ...(client !== undefined && { client }), ...reason }));
}

/** A problem, where the wanted code or reason cannot be used. */
function closeReason(wanted: unknown): { readonly code: number; readonly reason: string } | string {
  if (wanted === undefined || wanted === null) return CLOSE.forced;
  if (typeof wanted !== "object") return "disconnect must be an object";
  const { code = CLOSE.forced.code, reason = CLOSE.forced.reason } = wanted as Fields;
  if (typeof code !== "number" || !Number.isInteger(code) || code < 3000 || code > 4999) {
    return "disconnect.code must be an integer from 3000 to 4999";
  }
  if (typeof reason !== "string" || reason.length > MAX_REASON_CHARACTERS || isJson(reason)) {
    return `disconnect.reason must be plain words of at most ${MAX_REASON_CHARACTERS} characters`;
  }
  return { code, reason };
}

/** CLS2: an SDK would read such a reason as an instruction. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // What cannot be parsed is what is wanted.
    return false;
  }
}

async function info({ registry, describe }: ApiOptions): Promise<Result> {
  try {
    const own = describe();
    const others = (await registry.liveNodes()).filter(({ podUid }) => podUid !== own.uid);
    return { result: { nodes: [own, ...others.map(({ podUid, revision }): NodeInfo => ({ uid: podUid, revision }))] } };
  } catch (error) {
    if (error instanceof BrokerUnavailableError) return { error: ERROR.internal };
    throw error;
  }
}
