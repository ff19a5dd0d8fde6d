import type { IncomingMessage, ServerResponse } from "node:http";
import type { EmulationRequest } from "@belay/protocol";
import { type EmulationOutcome, isEmulationAddress } from "../node/emulation.ts";
import { type Admission, corsHeaders, preflightHeaders } from "../access/admission.ts";
import { type Codecs, isOctetStream } from "../transport/stream-request.ts";
import { readBytes, sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

export const EMULATION_PATH = "/emulation";

/** How a POST ended, for metrics. */
export type EmulationResult = EmulationOutcome | "malformed" | "too_large" | "limited";

export interface EmulationRouteOptions {
  readonly admit: (request: IncomingMessage) => Admission;
  readonly codecs: Codecs;
  readonly route: (request: EmulationRequest) => Promise<EmulationOutcome>;
  readonly maxMessageBytes: () => number;
  /** Counts a request against its address; whether it may go on. */
  readonly isWithinRate: (address: string) => boolean;
  readonly onResult: (result: EmulationResult) => void;
}

const METHODS = ["POST", "OPTIONS"];
/** A frame is text inside JSON text: its quotes are escaped, and the names of session and node stand beside it. */
const ESCAPING_FACTOR = 2;
const ENVELOPE_BYTES = 1024;

/** SDKs drop the stream and connect anew on 404 and from 500 on; anything else costs them the command's time-out. */
const ANSWERS: Readonly<Record<Exclude<EmulationResult, "accepted">, readonly [status: number, text: string]>> = {
  gone: [404, "no such session"],
  unreachable: [503, "the session's node does not answer"],
  malformed: [400, "body must be an emulation request"],
  too_large: [413, "the frame is too large"],
  limited: [429, "too many requests of this address"],
};

/** What clients of HTTP streams say, to whatever node holds their stream (EMU). */
export function emulationRoute(options: EmulationRouteOptions): Route {
  return {
    methods: METHODS,
    serve: (request, response) => {
      const admission = options.admit(request);
      if (!admission.ok) {
        sendText(request, response, admission.status, admission.problem);
        return undefined;
      }
      for (const [name, value] of Object.entries(corsHeaders(admission.cors))) response.setHeader(name, value);
      if (request.method !== "OPTIONS") return forward(options, admission.client.address, request, response);
      response.writeHead(204, preflightHeaders(request, METHODS)).end();
      return undefined;
    },
  };
}

async function forward(
  options: EmulationRouteOptions,
  address: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const result = options.isWithinRate(address) ? await take(options, request) : "limited";
  if (result === undefined) return;
  options.onResult(result);
  if (result === "accepted") response.writeHead(204).end();
  else {
    const [status, text] = ANSWERS[result];
    if (result === "limited") response.setHeader("Retry-After", 1);
    sendText(request, response, status, text);
  }
}

/** Undefined when the client went away before its body was whole. */
async function take(
  { codecs, route, maxMessageBytes }: EmulationRouteOptions,
  request: IncomingMessage,
): Promise<EmulationResult | undefined> {
  const maxBytes = maxMessageBytes();
  const body = await readBytes(request, maxBytes * ESCAPING_FACTOR + ENVELOPE_BYTES);
  if (body === undefined) return undefined;
  if (body === "too large") return "too_large";
  const codec = isOctetStream(request.headers["content-type"]) ? codecs.protobuf : codecs.json;
  const decoded = codec?.decodeEmulation(body);
  if (decoded === undefined || !isEmulationAddress(decoded)) return "malformed";
  return decoded.data.length > maxBytes ? "too_large" : route(decoded);
}
