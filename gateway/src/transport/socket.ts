import type { FrameBatch } from "./frame-batch.ts";

/** The port between a connection and whatever carries its bytes. Nothing here throws. */
export interface Socket {
  /** Bytes accepted by `send` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  readonly remoteAddress: string;
  send(batch: FrameBatch): void;
  /** Sends the close frame behind everything sent before. */
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
