import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { onTestFinished } from "vitest";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { jsonWithoutExtensions, protobufWithoutExtensions } from "./without-extensions.ts";

/** Where the gateway is. */
export interface RelayTarget {
  readonly url: string;
}

/**
 * Stands between clients and a gateway and takes the extensions out of what clients say, so that they are answered as by a server
 * that knows none: over WebSockets in both forms, over HTTP streams and SSE in JSON.
 */
export class PlainRelay implements AsyncDisposable {
  /** Off: everything passes as it is. Counts for what is said from then on. */
  isPlain = true;
  /** What passed on to the gateway, of JSON. */
  readonly said: string[] = [];
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: ([first]) => first ?? false });
  readonly #clients = new Set<WebSocket>();
  readonly #muted = new WeakSet<WebSocket>();
  #target: RelayTarget;
  #isCut = false;

  private constructor(target: RelayTarget) {
    this.#target = target;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("upgrade", (request, socket, head) => {
      if (this.#isCut) socket.destroy();
      else this.#sockets.handleUpgrade(request, socket, head, (client) => this.#join(client, request.url ?? "/"));
    });
    this.#server.on("connection", (socket) => void (this.#isCut && socket.destroy()));
  }

  /** Started inside a test it ends with that test. */
  static async start(target: RelayTarget): Promise<PlainRelay> {
    const relay = new PlainRelay(target);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    onTestFinished(() => relay[Symbol.asyncDispose]());
    return relay;
  }

  /** Of the whole gateway: `http://…` without a path. */
  get httpUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** New connections reach that gateway; open ones stay. */
  moveTo(target: RelayTarget): void {
    this.#target = target;
  }

  /** From now on nothing reaches the clients of open WebSockets; what they say still arrives. */
  mute(): void {
    for (const client of this.#clients) this.#muted.add(client);
  }

  /** Ends every connection without a close and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const client of this.#clients) client.terminate();
    this.#server.closeAllConnections();
  }

  mend(): void {
    this.#isCut = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: WebSocket, path: string): void {
    const server = new WebSocket(this.#addressOf(path, "ws:"), client.protocol === "" ? [] : [client.protocol]);
    const opened = once(server, "open").catch(() => client.terminate());
    this.#clients.add(client);
    client.on("message", (data, binary) => {
      const frame = this.#plain(data, binary);
      void opened.then(() => server.send(frame, { binary }, () => undefined));
    });
    server.on("message", (data, binary) => {
      if (!this.#muted.has(client)) client.send(data, { binary });
    });
    client.on("error", () => undefined);
    server.on("error", () => undefined);
    client.on("close", (code) => {
      this.#clients.delete(client);
      end(server, code);
    });
    server.on("close", (code, reason) => end(client, code, reason.toString()));
  }

  #plain(data: RawData, isBinary: boolean): string | Uint8Array {
    const bytes = data as Buffer;
    if (isBinary) return this.isPlain ? protobufWithoutExtensions(bytes) : bytes;
    return this.#plainText(bytes.toString());
  }

  #plainText(frame: string): string {
    const text = this.isPlain ? jsonWithoutExtensions(frame) : frame;
    this.said.push(text);
    return text;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const abort = new AbortController();
      response.on("close", () => abort.abort());
      const { method = "GET", headers } = request;
      const url = this.#addressOf(request.url ?? "/", "http:");
      const connect = url.searchParams.get("cf_connect");
      if (connect !== null) url.searchParams.set("cf_connect", this.#plainText(connect));
      const body = (await Readable.from(request).toArray()).join("");
      const answer = await fetch(url, {
        method,
        headers: { "Content-Type": headers["content-type"] ?? "" },
        signal: abort.signal,
        ...(method === "POST" && { body: this.#plainBody(url, body) }),
      });
      response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") ?? "" });
      response.flushHeaders();
      if (answer.body === null) response.end();
      else await pipeline(Readable.fromWeb(answer.body), response);
    } catch {
      // One of the two is gone: the other is told by a loss.
      response.destroy();
    }
  }

  #plainBody({ pathname }: URL, body: string): string {
    if (!pathname.endsWith("/emulation")) return this.#plainText(body);
    const { data, ...session } = JSON.parse(body) as { readonly data: string };
    return JSON.stringify({ ...session, data: this.#plainText(data) });
  }

  #addressOf(path: string, protocol: "ws:" | "http:"): URL {
    return new URL(path, `${protocol}//${new URL(this.#target.url).host}`);
  }
}

/** Codes that no close frame carries say that there was none. */
function end(socket: WebSocket, code: number, reason = ""): void {
  if (code === 1005 || code === 1006) socket.terminate();
  else socket.close(code, reason);
}
