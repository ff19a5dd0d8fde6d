import type { ClientCodec } from "../src/codec.ts";
import type { Command, ServerMessage } from "../src/messages.ts";
import type { Frame, OpenOptions, Transport, TransportEvents, TransportFactory } from "../src/transport.ts";

/** Messages as they are: no bytes in between. */
export const plainCodec: ClientCodec = {
  format: "json",
  encode: (commands) => commands as unknown as Frame,
  decode: (frame) => ({ ok: true, messages: frame as unknown as readonly ServerMessage[] }),
};

export interface SocketServer {
  receive(socket: MemorySocket, commands: readonly Command[]): void;
  gone(socket: MemorySocket, isClean: boolean): void;
}

type ToClient = () => void;

/** One connection in memory: two queues, which move when they are told. */
export class MemorySocket implements Transport {
  readonly name = "memory";
  readonly #server: SocketServer;
  readonly #events: TransportEvents;
  readonly #toServer: (readonly Command[])[] = [];
  readonly #toClient: ToClient[] = [];
  /** The client is told nothing more. */
  #isClosed = false;
  /** The server is told nothing more. */
  #isGone = false;
  #isBlocked = false;

  constructor(server: SocketServer, { connectFrame }: OpenOptions, events: TransportEvents) {
    this.#server = server;
    this.#events = events;
    this.#toClient.push(() => events.onOpen());
    this.send(connectFrame);
  }

  get bufferedAmount(): number {
    return this.#toServer.length;
  }

  get isOver(): boolean {
    return this.#isClosed && this.#isGone;
  }

  identify(): void {
    // One socket both ways.
  }

  /** Of the client and of the server: told apart by what they say. */
  send(said: Frame | readonly ServerMessage[]): void {
    const [first] = said as unknown as readonly (Command | ServerMessage)[];
    if (first === undefined) return;
    if ("type" in first) this.#toClient.push(() => this.#events.onFrame(said as unknown as Frame));
    else if (!this.#isGone) this.#toServer.push(said as unknown as readonly Command[]);
  }

  close(code: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#toClient.length = 0;
    // What was sent before the close arrives before it.
    this.flushToServer();
    this.#leave(code === 1000);
  }

  closeByServer(code: number, reason: string): void {
    this.#isGone = true;
    this.#toServer.length = 0;
    this.#toClient.push(() => {
      this.#isClosed = true;
      this.#events.onClose({ code, reason, wasClean: true });
    });
  }

  /** The network between is gone: each side hears so, and nothing that was under way arrives. */
  cut(): void {
    this.#toServer.length = 0;
    this.#leave(false);
    if (this.#isClosed) return;
    this.#toClient.length = 0;
    this.#toClient.push(() => {
      this.#isClosed = true;
      this.#events.onClose({ code: 1006, reason: "cut", wasClean: false });
    });
  }

  /** Nothing arrives any more, and nobody hears so. */
  block(): void {
    this.#isBlocked = true;
  }

  /** Hands over up to `count` messages in each direction; whether any was. */
  flow(count: number): boolean {
    if (this.#isBlocked) return false;
    let moved = 0;
    for (let index = 0; index < count; index += 1) {
      const commands = this.#toServer.shift();
      if (commands !== undefined && !this.#isGone) this.#server.receive(this, commands);
      const run = this.#isClosed ? undefined : this.#toClient.shift();
      run?.();
      if (commands !== undefined || run !== undefined) moved += 1;
    }
    return moved > 0;
  }

  flushToServer(): void {
    for (const commands of this.#toServer.splice(0))
      if (!this.#isGone && !this.#isBlocked) this.#server.receive(this, commands);
  }

  #leave(isClean: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#server.gone(this, isClean);
  }
}

/** All sockets of one client. */
export class MemoryNetwork {
  readonly sockets: MemorySocket[] = [];
  readonly factory: TransportFactory;
  /** New sockets cannot be opened. */
  isDown = false;
  opened = 0;

  constructor(server: SocketServer) {
    this.factory = {
      name: "memory",
      formats: ["json"],
      isSupported: () => true,
      open: (options, events) => {
        const socket = new MemorySocket(server, options, events);
        this.opened += 1;
        this.sockets.push(socket);
        if (this.isDown) socket.cut();
        return socket;
      },
    };
  }

  /** Forgets sockets that are over on both sides. */
  sweep(): void {
    const open = this.sockets.filter(({ isOver }) => !isOver);
    this.sockets.splice(0, this.sockets.length, ...open);
  }

  flow(count: number): boolean {
    return this.sockets.map((socket) => socket.flow(count)).includes(true);
  }
}
