import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** Connections of an HTTP server that have been answered and wait for their next request. */
export class IdleConnections {
  readonly #sockets = new Map<Duplex, Socket>();
  readonly #known = new WeakSet<Socket>();

  /** A request has come. */
  watch(response: ServerResponse): void {
    const { socket } = response;
    if (socket === null) return;
    this.#sockets.delete(socket);
    if (!this.#known.has(socket)) socket.once("close", () => this.#sockets.delete(socket));
    this.#known.add(socket);
    response.once("close", () => {
      if (!socket.destroyed) this.#sockets.set(socket, socket);
    });
  }

  /** A connection that served requests has become another's: some clients open WebSockets on those that they keep. */
  forget(stream: Duplex): void {
    this.#sockets.delete(stream);
  }

  /**
   * Ends those that stay without a request for that long. A request that is on its way to a connection when it is ended gets no
   * answer; on one in steady use that would be likely, and its next answer ends it anyway.
   */
  endUnusedAfter(idleMs: number): void {
    const seen = [...this.#sockets.values()].map((socket) => [socket, socket.bytesRead] as const);
    setTimeout(() => {
      // Timers come before what has been received: an event loop that is late reads that first.
      setImmediate(() => {
        for (const [socket, bytesRead] of seen)
          if (this.#sockets.has(socket) && socket.bytesRead === bytesRead) socket.destroy();
      });
    }, idleMs).unref();
  }
}
