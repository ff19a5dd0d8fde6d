import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { JSON_CODEC, PROTOBUF_CODEC } from "@belay/protocol";
import type { Admission } from "../access/admission.ts";
import { type Deflation, deflateFraming } from "./deflate-framing.ts";
import type { Framing } from "./framing.ts";
import {
  judgeUpgrade,
  readForm,
  splitUrl,
  UNI_WEBSOCKET_PATH,
  type UpgradeRefusal,
  type WebsocketForm,
} from "./handshake.ts";
import { plainHeaders } from "./plain-headers.ts";
import type { Socket, SocketEvents } from "./socket.ts";
import { uniConnectFrame } from "./stream-request.ts";
import { canAgreeOnDeflate, DEFLATE_AGREEMENT } from "./websocket-deflate.ts";
import { WebsocketSocket, type WebsocketSocketOptions } from "./websocket-socket.ts";
import { WS_BINARY, WS_TEXT } from "./ws-framing.ts";

type WebsocketTransport = WebsocketSocketOptions["transport"];

export interface WsServerOptions {
  readonly maxMessageBytes: number;
  /** Makes the connection that lives on an accepted socket. */
  readonly open: (socket: Socket) => SocketEvents;
  readonly admit: (request: IncomingMessage, transport: WebsocketTransport) => Admission;
  /** Of sockets opened from now on; undefined for none. */
  readonly deflation: () => Deflation | undefined;
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
  /** Sockets with the same framing share batches, so that there is one for each setting. */
  readonly #deflating = new Map<string, Framing>();

  constructor(options: WsServerOptions) {
    this.#options = options;
    const serverOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
      handleProtocols: (_, request) => formOf(request)?.subprotocol ?? false,
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
    const upgrade = this.#judge(request);
    if ("status" in upgrade) {
      refuseUpgrade(stream, upgrade);
      return;
    }
    const deflation = canAgreeOnDeflate(request.headers["sec-websocket-extensions"])
      ? this.#options.deflation()
      : undefined;
    this.#server.options.perMessageDeflate = deflation === undefined ? false : DEFLATE_AGREEMENT;
    this.#server.handleUpgrade(request, stream, head, (ws) => {
      stream.off("error", ignore);
      const plain = upgrade.codec === PROTOBUF_CODEC ? WS_BINARY : WS_TEXT;
      const framing = deflation === undefined ? plain : this.#deflatingFraming(plain, deflation);
      this.#onOpen(new WebsocketSocket(ws, { ...upgrade, framing }), ws, upgrade.firstFrame);
    });
  }

  #judge(request: IncomingMessage): UpgradeRefusal | AcceptedUpgrade {
    const refusal = this.#options.refusal() ?? judgeUpgrade(upgradeOf(request));
    if (refusal !== undefined) return refusal;
    const { path, query } = splitUrl(request.url ?? "");
    const transport = path === UNI_WEBSOCKET_PATH ? "uni_websocket" : "websocket";
    const admission = this.#options.admit(request, transport);
    if (!admission.ok) return { status: admission.status, problem: admission.problem };
    const connect = query.get("cf_connect");
    if (transport === "websocket" || connect === null) return accepted(request, transport, admission.client.address);
    const firstFrame = uniConnectFrame(connect);
    if (firstFrame === undefined) return { status: 400, problem: "cf_connect must be a connect request" };
    return { ...accepted(request, transport, admission.client.address), firstFrame };
  }

  #deflatingFraming(plain: Framing, deflation: Deflation): Framing {
    const key = `${plain.name} ${deflation.level} ${deflation.thresholdBytes}`;
    const framing = this.#deflating.get(key) ?? deflateFraming(plain, deflation);
    this.#deflating.set(key, framing);
    return framing;
  }

  /** Drops every socket that is left. */
  terminateAll(): void {
    for (const ws of this.#sockets) ws.terminate();
  }

  #onOpen(socket: WebsocketSocket, ws: WebSocket, firstFrame: Buffer | undefined): void {
    this.#sockets.add(ws);
    const events = this.#options.open(socket);
    if (socket.isUnidirectional) hearOnce(ws, events, firstFrame);
    else ws.on("message", (data, isBinary) => events.onMessage(data as Buffer, isBinary));
    // "close" follows every error and is what counts.
    ws.on("error", ignore);
    ws.on("close", (code) => {
      this.#sockets.delete(ws);
      events.onClose(code);
    });
  }
}

/** An upgrade that may go on, and what the socket is made of. */
type AcceptedUpgrade = Omit<WebsocketSocketOptions, "framing"> & {
  /** The query brought the connect request already. */
  readonly firstFrame?: Buffer;
};

function accepted(request: IncomingMessage, transport: WebsocketTransport, remoteAddress: string): AcceptedUpgrade {
  const codec = formOf(request)?.name === "protobuf" ? PROTOBUF_CODEC : JSON_CODEC;
  return { transport, remoteAddress, codec, headers: plainHeaders(request.headers) };
}

function formOf({ url = "", headers }: IncomingMessage): WebsocketForm | undefined {
  return readForm(splitUrl(url).query, headers["sec-websocket-protocol"]);
}

/** A client that only listens says its connect request, or nothing where the query had it; the rest is dropped (UNI1). */
function hearOnce(ws: WebSocket, events: SocketEvents, firstFrame: Buffer | undefined): void {
  if (firstFrame !== undefined) events.onMessage(firstFrame, false);
  else {
    ws.once("message", (data, isBinary) => {
      const frame = data as Buffer;
      events.onMessage(isBinary ? frame : (uniConnectFrame(frame.toString("utf8")) ?? frame), isBinary);
    });
  }
}

function ignore(): void {
  // Nothing to do: the socket's close event tells the rest.
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
