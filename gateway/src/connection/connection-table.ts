import type { TransportName } from "@belay/protocol/control";
import type { Connection } from "./connection.ts";

/** Every connection of this process, and which of them are already being closed. */
export class ConnectionTable {
  readonly #open = new Set<Connection>();
  readonly #closing = new Set<Connection>();
  readonly #byTransport = new Map<TransportName, number>();

  /** Connections that nobody has begun to close. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Sockets there are, those in the close handshake included. */
  get size(): number {
    return this.#open.size + this.#closing.size;
  }

  /** Sockets of one transport. */
  sizeOf(transport: TransportName): number {
    return this.#byTransport.get(transport) ?? 0;
  }

  add(connection: Connection): void {
    this.#open.add(connection);
    this.#count(connection.socket.transport, 1);
  }

  markClosing(connection: Connection): void {
    if (this.#open.delete(connection)) this.#closing.add(connection);
  }

  remove(connection: Connection): void {
    const wasOpen = this.#open.delete(connection);
    const wasClosing = this.#closing.delete(connection);
    if (wasOpen || wasClosing) this.#count(connection.socket.transport, -1);
  }

  #count(transport: TransportName, change: 1 | -1): void {
    this.#byTransport.set(transport, this.sizeOf(transport) + change);
  }
}
