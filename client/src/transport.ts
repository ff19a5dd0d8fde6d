/**
 * The port to a server: one connection's frames, in order, both ways. Transports know nothing of messages; codecs know nothing of
 * sockets.
 */

/** The two forms of the protocol. */
export type Format = "json" | "protobuf";

/** Text in the JSON form, bytes in the Protobuf form. */
export type Frame = string | Uint8Array;

/** One connection, opening or open. */
export interface Transport {
  /** Of its factory. */
  readonly name: string;
  /** Bytes handed over by `send` that have not left this process. */
  readonly bufferedAmount: number;
  /** Never throws; what is sent behind the end of the connection is dropped. Frames leave in the order of the calls. */
  send(frame: Frame): void;
  /** Tells what the connect reply said. HTTP streams post to this session on this node; frames sent before wait for it. */
  identify(session: EmulatedSession): void;
  /** Ends the connection. No event comes after this call, `onClose` included. Safe to call at any time and again. */
  close(code: number, reason: string): void;
}

/** Where later commands of an HTTP stream go: both names are those of the connect reply. */
export interface EmulatedSession {
  readonly session: string;
  readonly node: string;
}

/** Never called inside `open`, `send` or `close`. */
export interface TransportEvents {
  /** The server took the connection: it understands this transport. At most once, before any frame. */
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
  /** The connection is gone; the last event. Without `onOpen` before it the transport could not be opened. */
  readonly onClose: (close: TransportClose) => void;
}

export interface TransportClose {
  /** Of the close frame; 1006 where there was none. An HTTP stream that ended is 1006: its reason is a disconnect push before. */
  readonly code: number;
  readonly reason: string;
  /** The server said goodbye. */
  readonly wasClean: boolean;
}

/** What the runtime offers; the global object is one. */
export interface Environment {
  readonly WebSocket?: typeof WebSocket;
  readonly EventSource?: typeof EventSource;
  readonly fetch?: typeof fetch;
}

export interface OpenOptions {
  /** Absolute: `wss://…/connection/websocket`, `https://…/connection/http_stream`. */
  readonly endpoint: string;
  /** Where HTTP streams post later commands; absent: `/emulation` of the endpoint's origin. */
  readonly emulationEndpoint?: string;
  readonly format: Format;
  /** Holds the connect command. The transport delivers it first: after opening, or within its first request. */
  readonly connectFrame: Frame;
  /** Headers of HTTP requests; a browser's WebSocket and EventSource cannot send any. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly environment: Environment;
}

/** One way to reach a server. */
export interface TransportFactory {
  /** `websocket`, `http_stream`, `sse`; another of an application's own. */
  readonly name: string;
  /** The forms it can carry. */
  readonly formats: readonly Format[];
  isSupported(environment: Environment): boolean;
  /** Begins to connect; never throws. */
  open(options: OpenOptions, events: TransportEvents): Transport;
}
