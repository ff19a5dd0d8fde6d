import { setTimeout as sleep } from "node:timers/promises";
import { canReconnect } from "@belay/protocol";
import { WebSocket } from "ws";

export interface FleetOptions {
  readonly url: string;
  readonly count: number;
  readonly channel: string;
  /** Handshakes per second while the fleet opens. */
  readonly openPerSecond?: number;
}

interface Message {
  readonly id?: number;
  readonly connect?: { readonly client: string; readonly node?: string };
  readonly error?: { readonly code: number };
  readonly push?: { readonly pub?: { readonly data: unknown } };
}

/** One close as a client saw it. */
export interface SeenClose {
  readonly client: number;
  readonly code: number;
  readonly node: string;
  readonly atMs: number;
}

/**
 * Many plain clients: each connects, subscribes to one channel, answers pings, and comes back after a close in the reconnect
 * range with a jittered pause, as the SDKs do. Everything seen is kept for the scenario to judge.
 */
export class Fleet implements AsyncDisposable {
  readonly closes: SeenClose[] = [];
  readonly #options: FleetOptions;
  readonly #sockets = new Map<number, WebSocket>();
  readonly #nodes = new Map<number, string>();
  #received = 0;
  #stopped = false;
  readonly #stopping = new Set<number>();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  static async open(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    await fleet.grow(options.count);
    return fleet;
  }

  /** Clients whose connect and subscribe were answered on a socket that is open now. */
  get connected(): number {
    return this.#nodes.size;
  }

  get received(): number {
    return this.#received;
  }

  /** Connected clients per gateway pod, by its uid. */
  get byNode(): ReadonlyMap<string, number> {
    const count = new Map<string, number>();
    for (const node of this.#nodes.values()) count.set(node, (count.get(node) ?? 0) + 1);
    return count;
  }

  async grow(count: number): Promise<void> {
    const pauseMs = 1000 / (this.#options.openPerSecond ?? 100);
    const first = this.#sockets.size;
    for (let client = first; client < first + count; client++) {
      this.#connect(client);
      await sleep(pauseMs);
    }
  }

  /** Closes some clients for good, as people who leave. */
  leave(count: number): void {
    for (const client of [...this.#sockets.keys()].slice(0, count)) this.#end(client);
  }

  /** Everybody leaves but so many clients of each node. */
  leaveAllBut(perNode: number): void {
    const kept = new Map<string, number>();
    for (const [client, node] of Array.from(this.#nodes)) {
      const count = kept.get(node) ?? 0;
      if (count < perNode) kept.set(node, count + 1);
      else this.#end(client);
    }
  }

  /** Everybody connects anew, at the rate, so that a Service can spread them over the pods there are now. */
  async spread(): Promise<void> {
    const pauseMs = 1000 / (this.#options.openPerSecond ?? 100);
    for (const [client, socket] of Array.from(this.#sockets)) {
      this.#nodes.delete(client);
      socket.removeAllListeners("close");
      socket.close(1000);
      this.#connect(client);
      await sleep(pauseMs);
    }
  }

  #end(client: number): void {
    this.#stopping.add(client);
    this.#nodes.delete(client);
    this.#sockets.get(client)?.close(1000);
    this.#sockets.delete(client);
  }

  #connect(client: number): void {
    if (this.#stopped || this.#stopping.has(client)) return;
    const socket = new WebSocket(this.#options.url, { perMessageDeflate: false, handshakeTimeout: 10_000 });
    this.#sockets.set(client, socket);
    let node = "";
    socket.on("open", () => {
      socket.send(
        `{"id":1,"connect":{"name":"fleet"}}\n${JSON.stringify({ id: 2, subscribe: { channel: this.#options.channel } })}`,
      );
    });
    socket.on("message", (data: Buffer) => {
      for (const line of data.toString("utf8").split("\n")) {
        const message = JSON.parse(line) as Message;
        if (line === "{}") socket.send("{}");
        else if (message.error !== undefined) socket.close(4000, "refused for now");
        else if (message.id === 1) node = message.connect?.node ?? "";
        else if (message.id === 2) this.#nodes.set(client, node);
        else if (message.push?.pub !== undefined) this.#received += 1;
      }
    });
    socket.on("error", () => {
      // "close" follows and is what counts.
    });
    socket.on("close", (code) => this.#onClose(client, code, node));
  }

  #onClose(client: number, code: number, node: string): void {
    this.#nodes.delete(client);
    if (this.#stopped || this.#stopping.has(client)) return;
    // A handshake that never got a node was refused or cut on its way in: the client tries again, nobody was disconnected.
    if (node !== "") this.closes.push({ client, code, node, atMs: Date.now() });
    if (node === "" || code === 1006 || canReconnect(code))
      setTimeout(() => this.#connect(client), 200 + Math.random() * 800);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const socket of this.#sockets.values()) socket.terminate();
    await sleep(0);
  }
}

/** Counts of closes by code, for messages and assertions. */
export function closesByCode(closes: readonly SeenClose[]): Record<number, number> {
  const count: Record<number, number> = {};
  for (const { code } of closes) count[code] = (count[code] ?? 0) + 1;
  return count;
}
