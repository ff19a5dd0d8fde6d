import type { Codec } from "@belay/protocol";
import type { TransportName } from "@belay/protocol/control";
import type { FrameBatch, Framing } from "./framing.ts";

/** The port between a connection and whatever carries its bytes. Nothing here throws. */
export interface Socket {
  readonly transport: TransportName;
  /** The server speaks and the client only listens: no commands, no pongs; the first push is `connect`. */
  readonly isUnidirectional: boolean;
  readonly codec: Codec;
  readonly framing: Framing;
  /** Bytes accepted by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Address of the client: the peer, or what a trusted proxy says of it. */
  readonly remoteAddress: string;
  /** Headers of the handshake, lower case. */
  readonly headers: Readonly<Record<string, string>>;
  send(batch: FrameBatch): void;
  /** Says why and ends, behind everything sent before: a close frame, or a disconnect push and the response's end. */
  close(code: number, reason: string): void;
  /** Drops the socket with whatever it still buffers. */
  terminate(): void;
  /** Stops reading; the peer feels it through TCP. */
  pause(): void;
  resume(): void;
}

export interface SocketEvents {
  /** `data` is only valid during the call. */
  onMessage(data: Buffer, isBinary: boolean): void;
  onClose(code: number): void;
}
