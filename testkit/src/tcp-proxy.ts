import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** Stands between a client and a server on 127.0.0.1, and can fail in ways that a server cannot. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes from the server are dropped on open connections whose client has said this; new connections are spared. */
  #swallowed = new WeakSet<Socket>();
  readonly #said = new WeakMap<Socket, string>();
  #isCut = false;
  #delayMs = 0;
  #targetPort: number;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Started inside a test it ends with that test. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    onTestFinished(() => proxy[Symbol.asyncDispose]());
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** From now on nothing from the server reaches those clients; both sides believe the connection to be healthy. Returns how many. */
  swallowReplies(toClientsThatSaid: string): number {
    let count = 0;
    for (const socket of this.#sockets) {
      if (this.#said.get(socket)?.includes(toClientsThatSaid) !== true) continue;
      this.#swallowed.add(socket);
      count += 1;
    }
    return count;
  }

  /** From now on what clients say takes that long to reach the server. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Ends every connection and refuses new ones. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** As an address that is given to another server: open connections end, new ones reach that server. */
  moveTo(targetPort: number): void {
    this.#targetPort = targetPort;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    if (this.#isCut) return void client.destroy();
    const server = connect(this.#targetPort, "127.0.0.1");
    this.#sockets.add(client);
    client.on("data", (bytes: Buffer) => {
      // The first bytes are enough to know who it is.
      const said = this.#said.get(client) ?? "";
      if (said.length < 1_000) this.#said.set(client, said + bytes.toString("latin1"));
      if (this.#delayMs === 0) server.write(bytes);
      else setTimeout(() => server.write(bytes), this.#delayMs);
    });
    server.on("data", (bytes: Buffer) => {
      if (!this.#swallowed.has(client)) client.write(bytes);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(client);
        other.destroy();
      });
    }
  }
}
