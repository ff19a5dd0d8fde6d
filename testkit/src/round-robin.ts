import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What a Service is to its clients: every new connection goes to the next of its targets on 127.0.0.1. */
export class RoundRobin implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targets: number[];
  #turn = 0;

  private constructor(targets: readonly number[]) {
    this.#targets = [...targets];
    this.#server = createServer((client) => this.#accept(client));
  }

  /** @param targets ports. */
  static async start(targets: readonly number[]): Promise<RoundRobin> {
    const proxy = new RoundRobin(targets);
    proxy.#server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  add(target: number): void {
    this.#targets.push(target);
  }

  /** New connections go to the others; open ones stay. */
  remove(target: number): void {
    this.#targets.splice(this.#targets.indexOf(target), 1);
  }

  #accept(client: Socket): void {
    const target = this.#targets[(this.#turn += 1) % this.#targets.length] ?? 0;
    const server = connect({ port: target, host: "127.0.0.1", noDelay: true });
    client.setNoDelay(true);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
