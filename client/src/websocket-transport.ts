import type { Frame, OpenOptions, Transport, TransportEvents, TransportFactory } from "./transport.ts";

/** Code of an end that nobody announced. */
const CLOSED_ABNORMALLY = 1006;
/** Codes that a program may send are 1000 and 3000 to 4999. */
const NORMAL_CLOSURE = 1000;
const FIRST_FREE_CODE = 3000;
/** Of three bytes at most each: a close frame has room for 123. */
const MAX_REASON_CHARS = 41;

/** One WebSocket: a frame is a message of it, text or binary by the form. */
export const webSocketTransport: TransportFactory = {
  name: "websocket",
  formats: ["json", "protobuf"],
  isSupported: (environment) => environment.WebSocket !== undefined,
  open: (options, events) => new WebSocketTransport(options, events),
};

class WebSocketTransport implements Transport {
  readonly name = "websocket";
  readonly #events: TransportEvents;
  /** Undefined before and after the connection. */
  #socket: WebSocket | undefined;
  #isOpen = false;
  #isOver = false;
  /** Sent before the socket was open. */
  readonly #waiting: Frame[];

  constructor(options: OpenOptions, events: TransportEvents) {
    this.#events = events;
    this.#waiting = [options.connectFrame];
    try {
      this.#socket = this.#connect(options);
    } catch (error) {
      // A URL that is none, or one that the page's policy forbids.
      queueMicrotask(() => this.#end(CLOSED_ABNORMALLY, String(error), false));
    }
  }

  get bufferedAmount(): number {
    return (this.#socket?.bufferedAmount ?? 0) + this.#waiting.reduce((sum, frame) => sum + frame.length, 0);
  }

  send(frame: Frame): void {
    if (this.#isOver) return;
    if (this.#isOpen) this.#write(frame);
    else this.#waiting.push(frame);
  }

  identify(): void {
    // A socket needs no name.
  }

  close(code: number, reason: string): void {
    const socket = this.#socket;
    this.#forget();
    const sent = code >= FIRST_FREE_CODE ? code : NORMAL_CLOSURE;
    socket?.close(sent, reason.slice(0, MAX_REASON_CHARS));
  }

  #connect({ endpoint, format, environment }: OpenOptions): WebSocket {
    // Where there is none this throws, like a URL that is none.
    const socket = new (environment.WebSocket as typeof WebSocket)(
      endpoint,
      format === "protobuf" ? ["centrifuge-protobuf"] : [],
    );
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened());
    socket.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (!this.#isOver) this.#events.onFrame(typeof data === "string" ? data : new Uint8Array(data));
    });
    // Its close says all. The WebSocket of `ws` throws an error that nobody listens to, and a refused connection would end the process.
    socket.addEventListener("error", () => undefined);
    socket.addEventListener("close", ({ code, reason, wasClean }) => this.#end(code, reason, wasClean));
    return socket;
  }

  #opened(): void {
    if (this.#isOver) return;
    this.#isOpen = true;
    for (const frame of this.#waiting.splice(0)) this.#write(frame);
    this.#events.onOpen();
  }

  #write(frame: Frame): void {
    this.#socket?.send(frame as string);
  }

  #end(code: number, reason: string, wasClean: boolean): void {
    if (this.#isOver) return;
    this.#forget();
    this.#events.onClose({ code, reason, wasClean });
  }

  #forget(): void {
    this.#isOver = true;
    this.#socket = undefined;
    this.#waiting.length = 0;
  }
}
