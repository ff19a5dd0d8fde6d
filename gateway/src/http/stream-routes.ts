import type { IncomingMessage, ServerResponse } from "node:http";
import type { Codec } from "@belay/protocol";
import type { TransportName } from "@belay/protocol/control";
import { type Admission, corsHeaders, preflightHeaders } from "../access/admission.ts";
import type { EmulatedSessions } from "../transport/emulated-sessions.ts";
import type { Framing } from "../transport/framing.ts";
import { plainHeaders } from "../transport/plain-headers.ts";
import { ResponseSocket } from "../transport/response-socket.ts";
import type { Socket, SocketEvents } from "../transport/socket.ts";
import { JSON_LINES, PROTOBUF_MESSAGES, SSE_EVENTS } from "../transport/stream-framing.ts";
import {
  type Codecs,
  readStreamForm,
  STREAM_PATHS,
  type StreamForm,
  type StreamTransport,
  uniConnectFrame,
} from "../transport/stream-request.ts";
import { readBytes, sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

/** The connection that lives on a socket; `session` names it to its client. */
export interface OpenedConnection extends SocketEvents {
  readonly session: string;
}

export interface StreamRoutesOptions {
  readonly admit: (request: IncomingMessage, transport: TransportName) => Admission;
  readonly codecs: Codecs;
  readonly open: (socket: Socket) => OpenedConnection;
  readonly sessions: EmulatedSessions;
  readonly maxMessageBytes: () => number;
}

const METHODS: Readonly<Record<StreamTransport, readonly string[]>> = {
  sse: ["GET", "HEAD", "POST", "OPTIONS"],
  http_stream: ["POST", "OPTIONS"],
  uni_sse: ["GET", "HEAD", "POST", "OPTIONS"],
  uni_http_stream: ["GET", "HEAD", "POST", "OPTIONS"],
};

/** Nobody on the way may keep, change or hold back what is streamed (STR3). */
const STREAM_HEADERS = {
  "Cache-Control": "private, no-cache, no-store, no-transform, must-revalidate, max-age=0",
  "X-Accel-Buffering": "no",
  "X-Content-Type-Options": "nosniff",
} as const;

/** The transports over the response of one request (STR, UNI). */
export function streamRoutes(options: StreamRoutesOptions): (path: string) => Route | undefined {
  const routes = new Map<string, Route>();
  for (const [path, transport] of STREAM_PATHS) {
    const serve = (request: IncomingMessage, response: ServerResponse): Promise<void> | undefined =>
      serveStream(options, transport, request, response);
    routes.set(path, { methods: METHODS[transport], serve });
  }
  return (path) => routes.get(path);
}

function serveStream(
  options: StreamRoutesOptions,
  transport: StreamTransport,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> | undefined {
  const admission = options.admit(request, transport);
  if (!admission.ok) {
    sendText(request, response, admission.status, admission.problem);
    return undefined;
  }
  setHeaders(response, corsHeaders(admission.cors));
  const form = readStreamForm(transport, { url: request.url ?? "", contentType: request.headers["content-type"] });
  const codec = form && options.codecs[form.codec];
  if (request.method === "OPTIONS") {
    setHeaders(response, preflightHeaders(request, METHODS[transport]));
    response.writeHead(204).end();
  } else if (form === undefined || codec === undefined)
    sendText(request, response, 400, "no such form of the protocol");
  else if (request.method === "HEAD") startStream(response, transport, form).end();
  else return connect({ options, transport, form, codec, address: admission.client.address }, request, response);
  return undefined;
}

interface StreamOrder {
  readonly options: StreamRoutesOptions;
  readonly transport: StreamTransport;
  readonly form: StreamForm;
  readonly codec: Codec;
  readonly address: string;
}

async function connect(order: StreamOrder, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { options, transport, form, codec, address } = order;
  const body =
    request.method === "POST" ? await readBytes(request, options.maxMessageBytes()) : Buffer.from(form.connect);
  if (body === undefined) return;
  const frame = body === "too large" ? undefined : firstFrame(transport, body);
  if (frame === undefined) {
    const problem = body === "too large" ? "the connect request is too large" : "a connect request is needed";
    sendText(request, response, body === "too large" ? 413 : 400, problem);
    return;
  }
  const socket = new ResponseSocket(startStream(response, transport, form), {
    transport,
    codec,
    framing: framingOf(transport, form),
    remoteAddress: address,
    headers: plainHeaders(request.headers),
  });
  const connection = options.open(socket);
  socket.bind(connection);
  if (!socket.isUnidirectional) {
    options.sessions.add(connection.session, socket);
    response.once("close", () => options.sessions.remove(connection.session));
  }
  connection.onMessage(frame, socket.framing.isBinary);
}

/** Undefined when there is none. */
function firstFrame(transport: StreamTransport, body: Buffer): Buffer | undefined {
  if (transport.startsWith("uni_")) return uniConnectFrame(body.toString("utf8"));
  return body.length === 0 ? undefined : body;
}

function framingOf(transport: StreamTransport, { codec }: StreamForm): Framing {
  if (codec === "protobuf") return PROTOBUF_MESSAGES;
  return isEventStream(transport) ? SSE_EVENTS : JSON_LINES;
}

function isEventStream(transport: StreamTransport): boolean {
  return transport === "sse" || transport === "uni_sse";
}

function contentType(transport: StreamTransport, { codec }: StreamForm): string {
  if (codec === "protobuf") return "application/octet-stream";
  return isEventStream(transport) ? "text/event-stream; charset=utf-8" : "application/x-ndjson; charset=utf-8";
}

/** Sends the head at once: the reader's `open` must not wait for the first reply. */
function startStream(response: ServerResponse, transport: StreamTransport, form: StreamForm): ServerResponse {
  setHeaders(response, STREAM_HEADERS);
  // Behind a stream nothing else may come: the next request of its client is to find a pod that stays.
  response.shouldKeepAlive = false;
  response.writeHead(200, { "Content-Type": contentType(transport, form) });
  response.flushHeaders();
  return response;
}

function setHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}
