import type { Codec } from "@belay/protocol";
import type { TransportName } from "@belay/protocol/control";
import type { WebSocket } from "ws";
import type { FrameBatch, Framing } from "./framing.ts";
import { writeBatch } from "./shared-frame.ts";
import type { Socket } from "./socket.ts";

export interface WebsocketSocketOptions {
  readonly transport: Extract<TransportName, "websocket" | "uni_websocket">;
  readonly codec: Codec;
  readonly framing: Framing;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The socket of a WebSocket. */
export class WebsocketSocket implements Socket {
  readonly transport: TransportName;
  readonly isUnidirectional: boolean;
  readonly codec: Codec;
  readonly framing: Framing;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #ws: WebSocket;

  constructor(ws: WebSocket, options: WebsocketSocketOptions) {
    this.#ws = ws;
    this.transport = options.transport;
    this.isUnidirectional = options.transport === "uni_websocket";
    this.codec = options.codec;
    this.framing = options.framing;
    this.remoteAddress = options.remoteAddress;
    this.headers = options.headers;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  send(batch: FrameBatch): void {
    writeBatch(this.#ws, batch, this.framing.isBinary);
  }

  close(code: number, reason: string): void {
    // A paused socket would never see the peer's close frame.
    this.#ws.resume();
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }
}
