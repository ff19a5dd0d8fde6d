/** The server API (API1–API6): what an application's backend may ask of any node. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ERROR, isDeeperThan, MAX_NESTING } from "@belay/protocol";
import type { SettingsSource } from "../settings.ts";
import { authorization, isSameSecret, readBody, sendJson, sendText } from "./answer.ts";
import { API_METHODS, type ApiBackend, type ApiBody } from "./api-methods.ts";
import type { Route, Router } from "./http-server.ts";

export interface ApiOptions extends ApiBackend {
  readonly settings: SettingsSource;
  /** For metrics; `method` is a known one or "unknown". */
  readonly onRequest: (method: string, outcome: "ok" | "error" | "refused") => void;
}

const PREFIX = "/api/";

export function apiRouter(options: ApiOptions): Router {
  const routeOf = (name: string): Route => ({
    methods: ["POST"],
    serve: (request, response) => serve(options, name, request, response),
  });
  const routes = new Map([...API_METHODS.keys()].map((name) => [name, routeOf(name)]));
  const unknown = routeOf("unknown");
  return (path) => (path.startsWith(PREFIX) ? (routes.get(path.slice(PREFIX.length)) ?? unknown) : undefined);
}

async function serve(
  options: ApiOptions,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { config, apiKey } = options.settings.current;
  if (!isSameSecret(givenKey(request), apiKey)) {
    options.onRequest(name, "refused");
    sendText(request, response, 401, "X-API-Key must be the key of this server");
    return;
  }
  const method = API_METHODS.get(name);
  if (method === undefined) {
    options.onRequest(name, "refused");
    sendJson(request, response, 404, JSON.stringify({ error: ERROR.methodNotFound }));
    return;
  }
  const body = await readBody(request, config.limits.maxMessageBytes);
  // The client went away before its request was complete.
  if (body === undefined) return;
  const parsed = body.ok ? parseBody(body.text) : undefined;
  if (parsed === undefined) {
    options.onRequest(name, "refused");
    const refusal = body.ok ? { status: 400, problem: "body must be a JSON object" } : body;
    sendText(request, response, refusal.status, refusal.problem);
    return;
  }
  const result = await method(options, parsed);
  options.onRequest(name, "error" in result ? "error" : "ok");
  sendJson(request, response, 200, JSON.stringify(result));
}

function givenKey(request: IncomingMessage): string | undefined {
  const header = request.headers["x-api-key"];
  return typeof header === "string" ? header : authorization(request, "apikey");
}

function parseBody(text: string): ApiBody | undefined {
  if (isDeeperThan(text, MAX_NESTING)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? { fields: value as ApiBody["fields"], text } : undefined;
  } catch {
    // Not JSON: the caller answers 400.
    return undefined;
  }
}
