/**
 * Serves the page and its tokens. It asks nobody for a password: whoever comes gets a token for the name given. A real application
 * signs tokens for people it has logged in, and for nobody else.
 */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { SignJWT } from "jose";
import { type Access, isUserName } from "./access.ts";
import type { Config, GatewayAddress } from "./config.ts";

const TOKEN_LIFETIME = "1h";

interface Asset {
  readonly path: string;
  readonly type: string;
}

const assets: Readonly<Record<string, Asset>> = {
  "/": { path: "public/index.html", type: "text/html; charset=utf-8" },
  "/page.js": { path: "page.js", type: "text/javascript; charset=utf-8" },
};

const headers = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // Sockets go to the gateways, whose address is not the page's; everything else comes from here.
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self' ws: wss: http: https:",
};

export function createChatServer(config: Config, onFault: (error: unknown) => void): Server {
  return createServer((request, response) => {
    answer(config, request, response).catch((error: unknown) => {
      onFault(error);
      if (response.headersSent) response.destroy();
      else reply(response, 500, "the server has a fault");
    });
  });
}

async function answer(config: Config, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    reply(response, 405, "only GET is served");
    return;
  }
  const { pathname, searchParams } = locate(request.url ?? "/");
  if (pathname === "/healthz") reply(response, 200, "ok");
  else if (pathname === "/token") await answerToken(config, request, response, searchParams.get("user") ?? "");
  else await answerAsset(config, response, pathname);
}

/** Only the path and the query count; a target that is no URL is a path that nobody serves. */
function locate(target: string): URL {
  return URL.parse(`http://page${target}`) ?? new URL("http://page/no-such-page");
}

async function answerToken(
  config: Config,
  request: IncomingMessage,
  response: ServerResponse,
  user: string,
): Promise<void> {
  const url = gatewayUrl(config.gateway, request.headers.host ?? "");
  if (!isUserName(user)) reply(response, 400, "user must be 1 to 32 letters, digits, - or _");
  else if (url === undefined) reply(response, 400, "the Host header must name a host");
  else {
    const access: Access = { url, token: await signToken(config.secretFile, user) };
    reply(response, 200, JSON.stringify(access), "application/json");
  }
}

async function signToken(secretFile: string, user: string): Promise<string> {
  const secret = (await readFile(secretFile, "utf8")).trim();
  return new SignJWT({})
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(TOKEN_LIFETIME)
    .sign(new TextEncoder().encode(secret));
}

/** The gateways' URL as this client reaches them; `undefined` where its Host header names no host. */
export function gatewayUrl(gateway: GatewayAddress, host: string): string | undefined {
  if ("url" in gateway) return gateway.url;
  if (!/^[\w.:[\]-]+$/.test(host)) return undefined;
  const page = URL.parse(`http://${host}`);
  return page === null ? undefined : `ws://${page.hostname}:${gateway.port}/connection/websocket`;
}

async function answerAsset(config: Config, response: ServerResponse, pathname: string): Promise<void> {
  const asset = Object.hasOwn(assets, pathname) ? assets[pathname] : undefined;
  if (asset === undefined) reply(response, 404, "there is no such page");
  else reply(response, 200, await readFile(join(config.assets, asset.path)), asset.type);
}

function reply(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { ...headers, "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}
