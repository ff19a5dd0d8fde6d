import { once } from "node:events";
import type { ConnectionOptions } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";

/** A reply or push as it came, parsed. */
export interface Received {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly message: string; readonly temporary?: boolean };
  readonly connect?: Readonly<Record<string, unknown>>;
  readonly push?: { readonly channel: string; readonly pub?: { readonly data: unknown; readonly info?: unknown } };
  readonly [key: string]: unknown;
}

export interface SeenClosing {
  readonly code: number;
  readonly reason: string;
}

/** Those of ws, and of the TLS below it. */
export type TestClientOptions = ClientOptions & Pick<ConnectionOptions, "servername">;

/** A client that speaks the wire by hand: everything it got is kept in order, nothing is answered for it but pings. */
export class TestClient implements AsyncDisposable {
  readonly frames: string[] = [];
  readonly received: Received[] = [];
  readonly closed: Promise<SeenClosing>;
  /** Pings seen. */
  pings = 0;
  answersPings = true;
  readonly #socket: WebSocket;
  /** Of everybody who waits for something to come. */
  readonly #wakes = new Set<() => void>();
  #nextId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#onFrame(data.toString("utf8")));
    socket.on("error", () => undefined);
    const { promise, resolve } = Promise.withResolvers<SeenClosing>();
    this.closed = promise;
    socket.on("close", (code, reason) => {
      resolve({ code, reason: reason.toString() });
      this.#wakeAll();
    });
  }

  /** Resolves when the WebSocket is open; nothing is sent. */
  static async open(url: string, options: TestClientOptions = {}): Promise<TestClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
    const client = new TestClient(socket);
    await once(socket, "open");
    return client;
  }

  /** Open and connected, anonymous without a token. */
  static async connect(url: string, token?: string): Promise<TestClient> {
    const client = await TestClient.open(url);
    const reply = await client.call({ connect: token === undefined ? {} : { token } });
    if (reply.error !== undefined) throw new Error(`connect: ${reply.error.message}`);
    return client;
  }

  get socket(): WebSocket {
    return this.#socket;
  }

  send(frame: string | Buffer): void {
    this.#socket.send(frame);
  }

  /** Sends a command with the next id and waits for its reply. */
  async call(command: Readonly<Record<string, unknown>>): Promise<Received> {
    const id = (this.#nextId += 1);
    this.send(JSON.stringify({ id, ...command }));
    return this.waitFor(`reply ${id}`, (message) => message.id === id);
  }

  /** The first message, old or new, that fits; fails after `withinMs` or when the socket closes without it. */
  async waitFor(what: string, fits: (message: Received) => boolean, withinMs = 5000): Promise<Received> {
    const end = Date.now() + withinMs;
    for (;;) {
      const found = this.received.find(fits);
      if (found !== undefined) return found;
      const leftMs = end - Date.now();
      if (leftMs <= 0 || this.#socket.readyState === WebSocket.CLOSED) {
        throw new Error(`no ${what} within ${withinMs} ms; got ${JSON.stringify(this.received.slice(-5))}`);
      }
      await this.#change(leftMs);
    }
  }

  /** Payloads of a channel's publications so far. */
  payloads(channel: string): readonly unknown[] {
    return this.received.flatMap(({ push }) =>
      push?.channel === channel && push.pub !== undefined ? [push.pub.data] : [],
    );
  }

  async waitForPayloads(channel: string, count: number, withinMs = 5000): Promise<readonly unknown[]> {
    await this.waitFor(`${count} publications`, () => this.payloads(channel).length >= count, withinMs);
    return this.payloads(channel);
  }

  #change(withinMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, withinMs);
    this.#wakes.add(() => {
      clearTimeout(timer);
      resolve();
    });
    return promise;
  }

  #wakeAll(): void {
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }

  #onFrame(frame: string): void {
    this.frames.push(frame);
    for (const line of frame.split("\n")) {
      if (line === "{}") this.#onPing();
      else this.received.push(JSON.parse(line) as Received);
    }
    this.#wakeAll();
  }

  #onPing(): void {
    this.pings += 1;
    if (this.answersPings) this.send("{}");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate();
    await this.closed;
  }
}
