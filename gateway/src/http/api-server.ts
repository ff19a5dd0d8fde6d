/** The server API (API1–API9): what an application's backend may ask of any node. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ERROR, isDeeperThan, MAX_NESTING, rawMember } from "@belay/protocol";
import { callApi, callBatch, type ApiFields } from "../api/api-call.ts";
import { type ApiKey, findApiKey } from "../api/api-key.ts";
import type { ApiBackend, ApiResult } from "../api/api-method.ts";
import { API_METHODS } from "../api/methods.ts";
import { openApiText } from "../api/openapi.ts";
import { answerText } from "../api/publish-methods.ts";
import type { SettingsSource } from "../settings.ts";
import { authorization, type Body, readBody, sendJson, sendText } from "./answer.ts";
import type { Route, Router } from "./http-server.ts";

export interface ApiOptions {
  readonly backend: ApiBackend;
  readonly settings: SettingsSource;
  /** Milliseconds that a key has to wait, 0 when it may go on. */
  readonly waitMs: (key: ApiKey) => number | Promise<number>;
  /** For metrics; `method` is a known one or "unknown". */
  readonly onRequest: (method: string, outcome: "ok" | "error" | "refused") => void;
}

const PREFIX = "/api/";
const BATCH = "batch";
/** The old form: the method stands in the body. */
const OLD_PATH = "/api";

export function apiRouter(options: ApiOptions): Router {
  const routeOf = (name: string): Route => ({
    methods: ["POST"],
    serve: (request, response) => serve(options, name, request, response),
  });
  const routes = new Map([...API_METHODS].map(([name, { path = name }]) => [path, routeOf(name)]));
  routes.set(BATCH, routeOf(BATCH));
  const unknown = routeOf("unknown");
  const old = routeOf("");
  const description: Route = {
    methods: ["GET"],
    serve: (request, response) => {
      sendJson(request, response, 200, openApiText());
      return undefined;
    },
  };
  return (path) => {
    if (path === OLD_PATH) return old;
    if (path === "/api/openapi.json") return description;
    return path.startsWith(PREFIX) ? (routes.get(path.slice(PREFIX.length)) ?? unknown) : undefined;
  };
}

async function serve(
  options: ApiOptions,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { apiKeys } = options.settings.current;
  const key = findApiKey(givenKey(request), apiKeys);
  if (key === undefined) {
    options.onRequest(name || "unknown", "refused");
    sendText(request, response, 401, "X-API-Key must be the key of this server");
    return;
  }
  if (name === "unknown") {
    options.onRequest(name, "refused");
    sendJson(request, response, 404, JSON.stringify({ error: ERROR.methodNotFound }));
    return;
  }
  if (await isLimited(options, key, request, response)) {
    options.onRequest(name || "unknown", "refused");
    return;
  }
  await serveAllowed(options, { key, name }, request, response);
}

/** Whether the key has to wait; then it is told (LIM18). */
async function isLimited(
  { waitMs }: ApiOptions,
  key: ApiKey,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const ms = await waitMs(key);
  if (ms === 0) return false;
  response.setHeader("Retry-After", Math.ceil(ms / 1000));
  sendJson(request, response, 429, JSON.stringify({ error: ERROR.tooManyRequests }));
  return true;
}

async function serveAllowed(
  options: ApiOptions,
  { key, name }: { readonly key: ApiKey; readonly name: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { config } = options.settings.current;
  const body = await readBody(request, config.limits.maxMessageBytes);
  // The client went away before its request was complete.
  if (body === undefined) return;
  const parsed = parseBody(body);
  if (!parsed.ok) {
    options.onRequest(name || "unknown", "refused");
    sendText(request, response, parsed.status, parsed.problem);
    return;
  }
  const answer = await answerTo(options.backend, key, { ...parsed, method: name });
  options.onRequest(name || "unknown", "error" in answer ? "error" : "ok");
  sendJson(request, response, 200, textOf(name, answer));
}

interface ParsedCall {
  readonly method: string;
  readonly fields: ApiFields;
  readonly text: string;
}

async function answerTo(backend: ApiBackend, key: ApiKey, call: ParsedCall): Promise<ApiResult> {
  if (call.method === BATCH) return callBatch(backend, key, call);
  if (call.method !== "") return callApi(backend, key, call);
  const { method, params } = call.fields;
  const fields = typeof params === "object" && params !== null ? (params as ApiFields) : {};
  const text = rawMember(call.text, ["params"]) ?? "{}";
  return callApi(backend, key, { method: typeof method === "string" ? method : "", fields, text });
}

function textOf(name: string, answer: ApiResult): string {
  return name === BATCH && "result" in answer ? `{"replies":${answer.result}}` : answerText(answer);
}

function givenKey(request: IncomingMessage): string | undefined {
  const header = request.headers["x-api-key"];
  return typeof header === "string" ? header : authorization(request, "apikey");
}

type ParsedBody =
  | { readonly ok: true; readonly fields: ApiFields; readonly text: string }
  | { readonly ok: false; readonly status: number; readonly problem: string };

const NO_OBJECT: ParsedBody = { ok: false, status: 400, problem: "body must be a JSON object" };

/** The request's JSON object, or what to answer. */
export function parseBody(body: Body): ParsedBody {
  if (!body.ok) return body;
  const { text } = body;
  if (isDeeperThan(text, MAX_NESTING)) return NO_OBJECT;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? { ok: true, fields: value as ApiFields, text } : NO_OBJECT;
  } catch {
    // Not JSON: the caller answers 400.
    return NO_OBJECT;
  }
}
