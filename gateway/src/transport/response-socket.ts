import type { ServerResponse } from "node:http";
import { canReconnect, type Codec } from "@belay/protocol";
import type { TransportName } from "@belay/protocol/control";
import type { FrameBatch, Framing } from "./framing.ts";
import type { Socket, SocketEvents } from "./socket.ts";

export interface ResponseSocketOptions {
  readonly transport: TransportName;
  readonly codec: Codec;
  readonly framing: Framing;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How long an ended response may take to reach its reader, milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;
/** The peer went without a word (RFC 6455 §7.1.5), which is how every reader of a response goes. */
const ABNORMAL_CLOSURE = 1006;

/** A frame that waits for a paused socket to go on. */
interface WaitingFrame {
  readonly data: Buffer;
  readonly settle: (isAccepted: boolean) => void;
}

/** Most frames that wait at once; a client that sends more while it is not read from is told to come again. */
const MAX_WAITING_FRAMES = 16;

/**
 * A socket over the response of one HTTP request: replies and pushes flow down it, what the client says comes in requests of its
 * own (`accept`) or not at all.
 */
export class ResponseSocket implements Socket {
  readonly transport: TransportName;
  readonly isUnidirectional: boolean;
  readonly codec: Codec;
  readonly framing: Framing;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #response: ServerResponse;
  #events: SocketEvents | undefined;
  #waiting: WaitingFrame[] = [];
  #isPaused = false;
  #closeCode = ABNORMAL_CLOSURE;

  constructor(response: ServerResponse, options: ResponseSocketOptions) {
    this.transport = options.transport;
    this.isUnidirectional = options.transport.startsWith("uni_");
    this.codec = options.codec;
    this.framing = options.framing;
    this.remoteAddress = options.remoteAddress;
    this.headers = options.headers;
    this.#response = response;
  }

  get bufferedBytes(): number {
    return this.#response.writableLength;
  }

  get isOpen(): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed;
  }

  /** Binds the connection that lives on this socket. */
  bind(events: SocketEvents): void {
    this.#events = events;
    // Nothing to do on an error: the response's end follows it.
    this.#response.on("error", () => undefined);
    this.#response.once("close", () => this.#onClose(events));
  }

  /**
   * Takes a frame of the client's behind all that were taken before, at once or when the connection reads on. False when the
   * socket is closed, closes before that, or too many frames wait.
   */
  accept(data: Buffer): boolean | Promise<boolean> {
    if (!this.isOpen || this.#events === undefined) return false;
    if (!this.#isPaused && this.#waiting.length === 0) {
      this.#events.onMessage(data, this.framing.isBinary);
      return true;
    }
    if (this.#waiting.length >= MAX_WAITING_FRAMES) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ data, settle: resolve });
    return promise;
  }

  send(batch: FrameBatch): void {
    if (this.isOpen) this.#response.write(batch.wire);
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#closeCode = code;
    const push = this.codec.encodePush({ kind: "disconnect", code, reason, reconnect: canReconnect(code) });
    this.#response.end(this.framing.batch([Buffer.from(push)]).wire);
    const late = setTimeout(() => this.#response.destroy(), CLOSE_TIMEOUT_MS);
    this.#response.once("close", () => clearTimeout(late));
    this.#refuseWaiting();
  }

  terminate(): void {
    this.#response.destroy();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && this.isOpen) {
      const frame = this.#waiting.shift();
      if (frame === undefined) return;
      this.#events?.onMessage(frame.data, this.framing.isBinary);
      frame.settle(true);
    }
  }

  #onClose(events: SocketEvents): void {
    this.#refuseWaiting();
    events.onClose(this.#closeCode);
  }

  #refuseWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(false);
  }
}
