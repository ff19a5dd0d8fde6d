import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A server frame of a WebSocket, undecoded. */
interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const HANDSHAKE =
  "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** How a frame differs from a well-formed one. */
interface FrameChanges {
  readonly first?: number;
  readonly declared?: number;
}

/** A client frame, masked with zeros. `first` holds FIN, the reserved bits and the opcode; `declared` may lie about the length. */
export function clientFrame(payload: Buffer | string, { first = 0x81, declared = -1 }: FrameChanges = {}): Buffer {
  const body = typeof payload === "string" ? Buffer.from(payload) : payload;
  const length = declared === -1 ? body.length : declared;
  const header = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14);
  header[0] = first;
  if (length < 126) header[1] = 0x80 | length;
  else if (length < 65_536) {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = 0x80 | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([header, body]);
}

/**
 * Sends bytes on a fresh TCP connection and resolves with everything that came until it was closed: by the server, or by us
 * once `isOver` says that nothing more is awaited.
 */
export async function exchange(
  port: number,
  bytes: Buffer | string,
  isOver: (received: Buffer) => boolean = () => false,
): Promise<Buffer> {
  const socket = await dial(port);
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (isOver(received)) socket.end();
  });
  socket.write(bytes);
  await once(socket, "close");
  return received;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** What a server said on a WebSocket until it closed it. */
export interface RawTalk {
  /** Lines of its text frames. */
  readonly lines: readonly string[];
  /** Code of its close frame; 1005 without one, 1006 when it only cut the line. */
  readonly closeCode: number;
}

/** A WebSocket client that does nothing by itself: opens, sends all frames at once, listens until the server closes. */
export async function rawTalk(port: number, frames: readonly Buffer[]): Promise<RawTalk> {
  const isClosed = (answer: Buffer): boolean => framesOf(answer).some(({ opcode }) => opcode === 8);
  const received = framesOf(await exchange(port, Buffer.concat([Buffer.from(HANDSHAKE), ...frames]), isClosed));
  const close = received.find(({ opcode }) => opcode === 8);
  return {
    lines: received.flatMap(({ opcode, payload }) => (opcode === 1 ? payload.toString().split("\n") : [])),
    closeCode: close === undefined ? 1006 : close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(),
  };
}

/** Frames behind the HTTP answer. */
function framesOf(bytes: Buffer): readonly RawFrame[] {
  const frames: RawFrame[] = [];
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd === -1) return frames;
  for (let at = headEnd + 4; at + 2 <= bytes.length;) {
    const short = bytes.readUInt8(at + 1);
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length = head === 2 ? short : head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    frames.push({ opcode: bytes.readUInt8(at) & 0x0f, payload: bytes.subarray(at + head, at + head + length) });
    at += head + length;
  }
  return frames;
}
