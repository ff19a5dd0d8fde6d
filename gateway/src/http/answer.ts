import { isUtf8 } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

export function sendText(request: IncomingMessage, response: ServerResponse, status: number, text: string): void {
  send(request, response, { status, type: "text/plain; charset=utf-8", body: `${text}\n` });
}

export function sendJson(request: IncomingMessage, response: ServerResponse, status: number, json: string): void {
  send(request, response, { status, type: "application/json", body: json });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Sends a whole answer. A request whose body was not read loses its connection: the body would be taken for the next request. */
export function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  if (!request.complete && hasBody(request)) {
    response.setHeader("Connection", "close");
    response.once("finish", () => request.destroy());
  }
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

export type Body =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly status: 400 | 413; readonly problem: string };

/** Reads a request body of at most `maxBytes` as UTF-8; undefined when the client went away. Never rejects. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body | undefined> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes === "too large") return { ok: false, status: 413, problem: `body must have at most ${maxBytes} bytes` };
  return bytes === undefined ? undefined : textOf(bytes);
}

/** Reads a request body of at most `maxBytes`; undefined when the client went away. Never rejects. */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | "too large" | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | "too large" | undefined>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else {
      request.pause();
      resolve("too large");
    }
  });
  request.on("end", () => resolve(Buffer.concat(chunks)));
  request.on("error", () => resolve(undefined));
  request.on("close", () => resolve(undefined));
  return promise;
}

function textOf(bytes: Buffer): Body {
  return isUtf8(bytes)
    ? { ok: true, text: bytes.toString("utf8") }
    : { ok: false, status: 400, problem: "body must be UTF-8" };
}

/** Compares secrets in a time that tells nothing about where they differ, not even their lengths. */
export function isSameSecret(given: string | undefined, expected: string | undefined): boolean {
  if (given === undefined || expected === undefined) return false;
  return timingSafeEqual(createHash("sha256").update(given).digest(), createHash("sha256").update(expected).digest());
}

/** The value behind `Authorization: <scheme> <value>`. */
export function authorization(request: IncomingMessage, scheme: string): string | undefined {
  const header = request.headers.authorization;
  const start = `${scheme.toLowerCase()} `;
  return header?.slice(0, start.length).toLowerCase() === start ? header.slice(start.length).trim() : undefined;
}
