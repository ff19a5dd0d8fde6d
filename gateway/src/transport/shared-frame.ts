/**
 * One buffer, many sockets: the only file that touches private fields of ws, because almost all of a delivery's cost is the
 * write, and ws frames each message anew. Feature-detected: where a field is missing the public `send` is used.
 */
import type { Socket as TcpSocket } from "node:net";
import { WebSocket } from "ws";
import type { FrameBatch } from "./framing.ts";

interface Internals {
  readonly _socket?: TcpSocket | null;
  readonly _sender?: {
    readonly _state?: number;
    readonly _queue?: readonly unknown[];
    readonly _firstFragment?: boolean;
  } | null;
}

/** How a batch went out; `closed` means that it was dropped. */
export type Written = "raw" | "public" | "closed";

/** Writes the batch behind everything written before. */
export function writeBatch(socket: WebSocket, batch: FrameBatch, isBinary: boolean): Written {
  if (socket.readyState !== WebSocket.OPEN) return "closed";
  const raw = rawSocket(socket);
  if (raw !== undefined) {
    raw.write(batch.wire);
    return "raw";
  }
  if (batch.payloads.length === 0) {
    // Only the finished bytes make sense, and there is no place for them now: to go on would lose a message without a word.
    socket.terminate();
    return "closed";
  }
  for (const { start, end } of batch.payloads) {
    socket.send(batch.wire.subarray(start, end), { binary: isBinary, compress: false });
  }
  return "public";
}

/** The TCP socket while raw bytes keep their place: ws has nothing pending and no fragmented message is open. */
function rawSocket(socket: WebSocket): TcpSocket | undefined {
  const { _socket: tcp, _sender: sender } = socket as unknown as Internals;
  const isIdle = sender?._state === 0 && sender._queue?.length === 0 && sender._firstFragment === true;
  return isIdle && tcp?.writable === true ? tcp : undefined;
}
