/** The private side of the control port: what only the operator may ask. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type DrainCancellation, type DrainRequest, MAX_SWEPT_PODS, type SweepRequest } from "@belay/protocol/control";
import { z } from "zod";
import { loadReport, type NodeState } from "../node/load.ts";
import type { SettingsSource } from "../settings.ts";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { authorization, isSameSecret, readBody, sendJson } from "./answer.ts";
import type { Route } from "./http-server.ts";

export interface ControlOptions {
  readonly settings: SettingsSource;
  readonly state: () => NodeState;
  /** False when the request's term is an old one. */
  readonly requestDrain: (request: DrainRequest | DrainCancellation) => boolean;
  /** Rejects with BrokerUnavailableError. */
  readonly sweep: (request: SweepRequest) => Promise<void>;
}

/** One thing that is wrong with a request. */
interface Problem {
  readonly field: string;
  readonly rule: string;
  readonly value?: unknown;
}

/** 100 uids of pods. */
const MAX_BODY_BYTES = 8192;

function bounded(min: number, max: number): z.ZodNumber {
  const rule = `must be from ${min} to ${max}`;
  return z.number(rule).min(min, rule).max(max, rule);
}

const term = bounded(0, Number.MAX_SAFE_INTEGER).int("must be an integer");

const drainRequest: z.ZodType<DrainRequest> = z.object({
  term,
  deadlineSeconds: bounded(0, 86_400),
  ratePerSecond: bounded(0.001, 1_000_000),
  reason: z.enum(["rollout", "scale-down", "unhealthy"], "must be rollout, scale-down or unhealthy"),
  policy: z.enum(["ForceClose", "Wait", "Abort"], "must be ForceClose, Wait or Abort").exactOptional(),
});

const drainCancellation: z.ZodType<DrainCancellation> = z.object({ term, cancel: z.literal(true) });

/** A union would tell the problems of both. */
function drainBody(body: unknown): z.ZodType<DrainRequest | DrainCancellation> {
  const isCancellation = typeof body === "object" && body !== null && "cancel" in body;
  return isCancellation ? drainCancellation : drainRequest;
}

const sweepRequest: z.ZodType<SweepRequest> = z.object({
  podUids: z
    .array(z.string().regex(/^[0-9a-z-]{1,64}$/, "must be a pod's uid"))
    .min(1, "must not be empty")
    .max(MAX_SWEPT_PODS, `must have at most ${MAX_SWEPT_PODS}`),
});

export function controlRoutes(options: ControlOptions): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ["/load", { methods: ["GET"], serve: guarded(options, serveLoad) }],
    ["/drain", { methods: ["GET", "POST"], serve: guarded(options, serveDrain) }],
    ["/sweep", { methods: ["POST"], serve: guarded(options, serveSweep) }],
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
  const asked = await bodyOf(request, response, drainBody);
  if (asked === undefined) return;
  if (options.requestDrain(asked)) sendJson(request, response, 200, JSON.stringify(options.state().drain));
  else
    sendProblems(request, response, 409, [
      { field: "term", rule: "must not be smaller than one seen before", value: asked.term },
    ]);
}

async function serveSweep(options: ControlOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = await bodyOf(request, response, () => sweepRequest);
  if (asked === undefined) return;
  try {
    await options.sweep(asked);
    sendJson(request, response, 200, JSON.stringify({ podUids: asked.podUids }));
  } catch (error) {
    if (!(error instanceof BrokerUnavailableError)) throw error;
    sendProblems(request, response, 503, [{ field: "body", rule: "cannot be carried out while Redis is away" }]);
  }
}

/** Undefined where there was none that could be used: the answer has been sent. */
async function bodyOf<T>(
  request: IncomingMessage,
  response: ServerResponse,
  schemaOf: (body: unknown) => z.ZodType<T>,
): Promise<T | undefined> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === undefined) return undefined;
  if (!body.ok) {
    sendProblems(request, response, body.status, [{ field: "body", rule: body.problem }]);
    return undefined;
  }
  const given = parseJson(body.text);
  const parsed = schemaOf(given).safeParse(given, { reportInput: true });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message, input }) => ({
    field: path.length === 0 ? "body" : path.join("."),
    rule: message,
    value: input,
  }));
  sendProblems(request, response, 400, problems);
  return undefined;
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
