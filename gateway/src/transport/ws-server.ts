import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { type Codec, JSON_CODEC } from "@belay/protocol";
import type { FrameBatch, Framing } from "./framing.ts";
import { JSON_SUBPROTOCOL, judgeUpgrade, type UpgradeRefusal } from "./handshake.ts";
import { writeBatch } from "./shared-frame.ts";
import type { Socket, SocketEvents } from "./socket.ts";
import { WS_TEXT } from "./ws-framing.ts";

export interface WsServerOptions {
  readonly maxMessageBytes: number;
  /** Makes the connection that lives on an accepted socket. */
  readonly open: (socket: Socket) => SocketEvents;
  /** While it is set no upgrade is accepted (the process is about to end). */
  readonly refusal: () => UpgradeRefusal | undefined;
}

/** How long a peer may take to answer a close frame, milliseconds. */
const CLOSE_TIMEOUT_MS = 5000;

/** The adapter of ws: upgrades HTTP requests and carries the frames of the sockets. */
export class WsServer {
  readonly #options: WsServerOptions;
  readonly #server: WebSocketServer;
  readonly #sockets = new Set<WebSocket>();

  constructor(options: WsServerOptions) {
    this.#options = options;
    const serverOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (offered) => (offered.has(JSON_SUBPROTOCOL) ? JSON_SUBPROTOCOL : false),
    };
    this.#server = new WebSocketServer(serverOptions);
  }

  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Applies to sockets opened from now on; a connection checks frames of older ones itself. */
  set maxMessageBytes(bytes: number) {
    this.#server.options.maxPayload = bytes;
  }

  handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on("error", ignore);
    const refusal = this.#options.refusal() ?? judgeUpgrade(upgradeOf(request));
    if (refusal !== undefined) refuseUpgrade(stream, refusal);
    else {
      this.#server.handleUpgrade(request, stream, head, (ws) => {
        stream.off("error", ignore);
        this.#onOpen(ws, request);
      });
    }
  }

  /** Drops every socket that is left. */
  terminateAll(): void {
    for (const ws of this.#sockets) ws.terminate();
  }

  #onOpen(ws: WebSocket, request: IncomingMessage): void {
    this.#sockets.add(ws);
    const events = this.#options.open(new WsSocket(ws, request));
    ws.on("message", (data, isBinary) => events.onMessage(data as Buffer, isBinary));
    // "close" follows every error and is what counts.
    ws.on("error", ignore);
    ws.on("close", (code) => {
      this.#sockets.delete(ws);
      events.onClose(code);
    });
  }
}

class WsSocket implements Socket {
  readonly transport = "websocket";
  readonly isUnidirectional = false;
  readonly codec: Codec = JSON_CODEC;
  readonly framing: Framing = WS_TEXT;
  readonly remoteAddress: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #ws: WebSocket;

  constructor(ws: WebSocket, request: IncomingMessage) {
    this.#ws = ws;
    this.remoteAddress = request.socket.remoteAddress ?? "";
    this.headers = headersOf(request);
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

function ignore(): void {
  // Nothing to do: the socket's close event tells the rest.
}

/** One text for each name; of a repeated header all values. */
function headersOf({ headers }: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : (value ?? "")]),
  );
}

function upgradeOf({ method = "", url = "", headers }: IncomingMessage): Parameters<typeof judgeUpgrade>[0] {
  return {
    method,
    url,
    upgrade: headers.upgrade,
    version: headers["sec-websocket-version"],
    key: headers["sec-websocket-key"],
    subprotocols: headers["sec-websocket-protocol"],
  };
}

function refuseUpgrade(stream: Duplex, { status, problem, headers }: UpgradeRefusal): void {
  const body = `${problem}\n`;
  const lines = Object.entries({
    ...headers,
    "Content-Type": "text/plain",
    "Content-Length": body.length,
    Connection: "close",
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n${body}`, () => stream.destroy());
}
