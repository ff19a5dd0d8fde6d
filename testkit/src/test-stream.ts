import { once } from "node:events";
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { Received } from "./test-client.ts";

export interface StreamOptions {
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Reads an HTTP stream by hand, server-sent events or JSON lines, and speaks through POST /emulation. */
export class TestStream implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Bytes as they came. */
  text = "";
  /** Resolves when the response is over, whoever ended it. */
  readonly ended: Promise<void>;
  isOver = false;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  #rest = "";
  #wake: () => void = () => undefined;
  #nextId = 1;

  private constructor(asked: ClientRequest, response: IncomingMessage) {
    this.#request = asked;
    this.#response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#onText(text));
    response.on("error", () => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    response.once("close", () => {
      this.isOver = true;
      resolve();
      this.#wake();
    });
  }

  /** Resolves with the head of the response, whatever its status. */
  static async open(url: string, { method = "GET", body, headers = {} }: StreamOptions = {}): Promise<TestStream> {
    const asked = request(url, { method, headers: { ...headers }, agent: false });
    asked.on("error", () => undefined);
    asked.end(body);
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    return new TestStream(asked, response);
  }

  /** A bidirectional stream whose client is connected, anonymous without a token. */
  static async connect(httpUrl: string, transport: "sse" | "http_stream", token?: string): Promise<TestStream> {
    const command = JSON.stringify({ id: 1, connect: token === undefined ? {} : { token } });
    const stream =
      transport === "sse"
        ? await TestStream.open(`${httpUrl}/connection/sse?cf_connect=${encodeURIComponent(command)}`)
        : await TestStream.open(`${httpUrl}/connection/http_stream`, { method: "POST", body: command });
    const reply = await stream.waitFor("connect reply", ({ id }) => id === 1);
    if (reply.error !== undefined) throw new Error(`connect: ${reply.error.message}`);
    return stream;
  }

  get status(): number {
    return this.#response.statusCode ?? 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.#response.headers;
  }

  /** Of the connect reply: what names this stream to any node. */
  get address(): { readonly session: string; readonly node: string } {
    const connect = this.received.find(({ id }) => id === 1)?.connect ?? {};
    return { session: String(connect["session"]), node: String(connect["node"]) };
  }

  /** Posts a frame to a node; the status of the answer. */
  async post(httpUrl: string, frame: string): Promise<number> {
    const body = JSON.stringify({ ...this.address, data: frame });
    const response = await fetch(`${httpUrl}/emulation`, { method: "POST", body });
    await response.arrayBuffer();
    return response.status;
  }

  /** Posts a command with the next id and waits for its reply on the stream. */
  async call(httpUrl: string, command: Readonly<Record<string, unknown>>): Promise<Received> {
    const id = (this.#nextId += 1);
    const status = await this.post(httpUrl, JSON.stringify({ id, ...command }));
    if (status !== 204) throw new Error(`emulation answered ${status}`);
    return this.waitFor(`reply ${id}`, (message) => message.id === id);
  }

  /** The first message, old or new, that fits; fails after `withinMs` or when the response ends without it. */
  async waitFor(what: string, fits: (message: Received) => boolean, withinMs = 5000): Promise<Received> {
    const end = Date.now() + withinMs;
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined) return found;
      const leftMs = end - Date.now();
      if (leftMs <= 0 || this.isOver) {
        throw new Error(
          `no ${what} within ${withinMs} ms; got ${this.status} ${JSON.stringify(this.received.slice(-5))}`,
        );
      }
      await this.#change(leftMs);
    }
  }

  /** Stops reading, as a slow client does. */
  pause(): void {
    this.#response.pause();
  }

  close(): void {
    this.#request.destroy();
  }

  #change(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#wake = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  #onText(text: string): void {
    this.text += text;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const json = line.startsWith("data: ") ? line.slice("data: ".length) : line;
      if (json.startsWith("{")) this.received.push(JSON.parse(json) as Received);
    }
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.ended;
  }
}
