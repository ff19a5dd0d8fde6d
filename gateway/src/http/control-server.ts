/** The private side of the control port: what only the operator may ask. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { DrainRequest } from "@belay/protocol/control";
import { z } from "zod";
import { loadReport, type NodeState } from "../node/load.ts";
import type { SettingsSource } from "../settings.ts";
import { authorization, isSameSecret, readBody, sendJson } from "./answer.ts";
import type { Route } from "./http-server.ts";

export interface ControlOptions {
  readonly settings: SettingsSource;
  readonly state: () => NodeState;
  /** False when the request's term is an old one. */
  readonly requestDrain: (request: DrainRequest) => boolean;
}

/** One thing that is wrong with a request. */
interface Problem {
  readonly field: string;
  readonly rule: string;
  readonly value?: unknown;
}

const MAX_BODY_BYTES = 4096;

function bounded(min: number, max: number): z.ZodNumber {
  const rule = `must be from ${min} to ${max}`;
  return z.number(rule).min(min, rule).max(max, rule);
}

const drainRequest: z.ZodType<DrainRequest> = z.object({
  term: bounded(0, Number.MAX_SAFE_INTEGER).int("must be an integer"),
  deadlineSeconds: bounded(0, 86_400),
  ratePerSecond: bounded(0.001, 1_000_000),
  reason: z.enum(["rollout", "scale-down", "unhealthy"], "must be rollout, scale-down or unhealthy"),
});

export function controlRoutes(options: ControlOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ["/load", { methods: ["GET"], serve: guarded(options, serveLoad) }],
    ["/drain", { methods: ["GET", "POST"], serve: guarded(options, serveDrain) }],
  ]);
}

type Serve = (options: ControlOptions, request: IncomingMessage, response: ServerResponse) => Promise<void> | undefined;

function guarded(options: ControlOptions, serve: Serve): Route["serve"] {
  return (request, response) => {
    if (isSameSecret(authorization(request, "bearer"), options.settings.current.controlToken)) {
      return serve(options, request, response);
    }
    sendProblems(request, response, 401, [{ field: "Authorization", rule: "must be Bearer and the control token" }]);
    return undefined;
  };
}

function serveLoad({ state }: ControlOptions, request: IncomingMessage, response: ServerResponse): undefined {
  sendJson(request, response, 200, JSON.stringify(loadReport(state())));
  return undefined;
}

async function serveDrain(options: ControlOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === "GET") {
    sendJson(request, response, 200, JSON.stringify(options.state().drain));
    return;
  }
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) return;
  if (!body.ok) {
    sendProblems(request, response, body.status, [{ field: "body", rule: body.problem }]);
    return;
  }
  const parsed = drainRequest.safeParse(parseJson(body.text), { reportInput: true });
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message, input }) => ({
      field: path.length === 0 ? "body" : path.join("."),
      rule: message,
      value: input,
    }));
    sendProblems(request, response, 400, problems);
  } else if (options.requestDrain(parsed.data)) sendJson(request, response, 200, JSON.stringify(options.state().drain));
  else
    sendProblems(request, response, 409, [
      { field: "term", rule: "must not be smaller than one seen before", value: parsed.data.term },
    ]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Refused by the schema, which wants an object.
    return undefined;
  }
}

function sendProblems(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  problems: readonly Problem[],
): void {
  sendJson(request, response, status, JSON.stringify({ problems }));
}
