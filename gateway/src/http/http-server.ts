import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { splitUrl } from "../transport/handshake.ts";
import { sendText } from "./answer.ts";
import type { IdleConnections } from "./idle-connections.ts";

export interface Route {
  readonly methods: readonly string[];
  /** Answers in its own time; a rejection is a bug and is answered with 500. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => Promise<void> | undefined;
}

/** Finds the route of a path. */
export type Router = (path: string) => Route | undefined;

interface Refusal {
  readonly status: number;
  readonly problem: string;
}

export interface HttpServerOptions {
  readonly router: Router;
  /** Why a request is turned away before its route is looked for. */
  readonly refusal?: (request: IncomingMessage, path: string) => Refusal | undefined;
  readonly onUpgrade?: (request: IncomingMessage, stream: Duplex, head: Buffer) => void;
  readonly onFault: (error: unknown) => void;
  /** The pod is being emptied: callers that keep connections open are sent elsewhere with their next answer (DRN7). */
  readonly isLeaving?: () => boolean;
  readonly idle?: IdleConnections;
}

/** Most bytes of a request's headers (HS6). */
const MAX_HEADER_BYTES = 16_384;
/** Time for the headers, and for headers and body together (HS6), milliseconds. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Longer than load balancers keep an idle connection, so that they close it and not we under a request. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** What answers under way get to finish when the server stops, milliseconds. */
const FINISH_MS = 1_000;

/** An HTTP/1.1 server with bounds on everything a stranger may send. */
export function createHttpServer(options: HttpServerOptions): Server {
  const { onUpgrade } = options;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: 2000,
      noDelay: true,
    },
    (request, response) => {
      options.idle?.watch(response);
      serve(options, request, response);
    },
  );
  server.on("clientError", onClientError);
  server.on("upgrade", (request, stream, head) => {
    options.idle?.forget(stream);
    if (onUpgrade === undefined) stream.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    else onUpgrade(request, stream, head);
  });
  return server;
}

function serve(options: HttpServerOptions, request: IncomingMessage, response: ServerResponse): void {
  const { router, refusal, onFault, isLeaving } = options;
  if (isLeaving?.() === true) response.setHeader("Connection", "close");
  const { path } = splitUrl(request.url ?? "");
  const refused = refusal?.(request, path);
  if (refused !== undefined) {
    sendText(request, response, refused.status, refused.problem);
    return;
  }
  const route = router(path);
  if (route === undefined) sendText(request, response, 404, "no such path");
  else if (!route.methods.includes(request.method ?? "")) refuseMethod(route, request, response);
  else {
    route.serve(request, response)?.catch((error: unknown) => {
      onFault(error);
      if (!response.headersSent) sendText(request, response, 500, "internal server error");
    });
  }
}

function refuseMethod({ methods }: Route, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("Allow", methods.join(", "));
  sendText(request, response, 405, `method must be ${methods.join(" or ")}`);
}

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

function onClientError(error: NodeJS.ErrnoException, stream: Duplex): void {
  if (stream.writable && error.code !== "ECONNRESET") {
    const status = CLIENT_ERRORS[error.code ?? ""] ?? "400 Bad Request";
    stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => stream.destroy());
  } else stream.destroy();
}

export function listen(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once("error", reject);
  server.listen({ host, port, backlog: 4096 }, () => {
    server.off("error", reject);
    resolve(server.address() as AddressInfo);
  });
  return promise;
}

/** Takes no more connections; those that wait for a request are cut, answers under way get a second to finish. */
export async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const late = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  server.close(() => resolve());
  server.closeIdleConnections();
  await promise;
  clearTimeout(late);
}
