import type { Connection } from "./connection.ts";

/** Every connection of this process, and which of them are already being closed. */
export class ConnectionTable {
  readonly #open = new Set<Connection>();
  readonly #closing = new Set<Connection>();

  /** Connections that nobody has begun to close. */
  get open(): ReadonlySet<Connection> {
    return this.#open;
  }

  /** Sockets there are, those in the close handshake included. */
  get size(): number {
    return this.#open.size + this.#closing.size;
  }

  add(connection: Connection): void {
    this.#open.add(connection);
  }

  markClosing(connection: Connection): void {
    if (this.#open.delete(connection)) this.#closing.add(connection);
  }

  remove(connection: Connection): void {
    this.#open.delete(connection);
    this.#closing.delete(connection);
  }
}
