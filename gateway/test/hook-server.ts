import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { HookConfig } from "@belay/protocol/control";

export interface SeenHook {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** As it came. */
  readonly body: string;
  readonly json: Readonly<Record<string, unknown>>;
}

/** What a webhook does with one request. */
export type HookReply = (response: ServerResponse, seen: SeenHook) => void;

/** A real application: keeps what it was asked, and answers as a test says, also badly. */
export class HookServer implements AsyncDisposable {
  readonly seen: SeenHook[] = [];
  /** By path; the others get 404. */
  readonly replies = new Map<string, HookReply>();
  readonly #server: Server;

  private constructor(certificate?: { readonly cert: string; readonly key: string }) {
    this.#server = certificate === undefined ? createServer() : createSecureServer(certificate);
    this.#server.on("request", (request, response: ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        const path = request.url ?? "";
        const seen = { path, headers: request.headers, body, json: JSON.parse(body) as SeenHook["json"] };
        this.seen.push(seen);
        const reply = this.replies.get(path);
        if (reply === undefined) response.writeHead(404).end();
        else reply(response, seen);
      });
    });
  }

  static async start(certificate?: { readonly cert: string; readonly key: string }): Promise<HookServer> {
    const server = new HookServer(certificate);
    await server.listen(0);
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  hook(path: string, more: Partial<HookConfig> = {}): HookConfig {
    return { url: `http://127.0.0.1:${this.port}${path}`, ...more };
  }

  on(path: string, reply: HookReply): void {
    this.replies.set(path, reply);
  }

  /** Answers everything at the path with this. */
  answer(path: string, body: unknown): void {
    this.on(path, json(body));
  }

  /** What was asked at the path, the newest last. */
  asked(path: string): readonly SeenHook[] {
    return this.seen.filter((each) => each.path === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }
}

export function json(body: unknown): HookReply {
  return (response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
}

/** Any text with any status. */
export function text(status: number, body: string): HookReply {
  return (response) => void response.writeHead(status).end(body);
}
