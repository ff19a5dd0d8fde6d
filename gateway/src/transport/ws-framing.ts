import { type FrameBatch, type FrameRange, type Framing, type PayloadRange, splitIntoFrames } from "./framing.ts";

const NEWLINE = 0x0a;
const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const EMPTY = Buffer.alloc(0);

/** JSON lines joined by newlines in text frames. */
export const WS_TEXT: Framing = {
  name: "websocket text",
  isBinary: false,
  batch: (lines) => makeBatch(lines, FIN_TEXT, 1),
};

/** Protobuf messages, each with its length before it, one behind the other in binary frames. */
export const WS_BINARY: Framing = {
  name: "websocket binary",
  isBinary: true,
  batch: (lines) => makeBatch(lines, FIN_BINARY, 0),
};

function makeBatch(lines: readonly Buffer[], opcode: number, separatorBytes: number): FrameBatch {
  const frames = splitIntoFrames(lines, separatorBytes);
  const wire = Buffer.allocUnsafe(frames.reduce((sum, frame) => sum + headerBytes(frame.bytes) + frame.bytes, 0));
  const payloads: PayloadRange[] = [];
  let at = 0;
  for (const frame of frames) {
    wire[at] = opcode;
    const start = at + writeLength(wire, at, frame.bytes);
    at = writeLines(wire, { lines, frame, at: start, separatorBytes });
    payloads.push({ start, end: at });
  }
  return { wire, payloads, lines: lines.length };
}

interface Writing {
  readonly lines: readonly Buffer[];
  readonly frame: FrameRange;
  readonly at: number;
  readonly separatorBytes: number;
}

function writeLines(wire: Buffer, { lines, frame, at: start, separatorBytes }: Writing): number {
  let at = start;
  for (let index = frame.from; index < frame.to; index++) {
    if (index > frame.from && separatorBytes === 1) wire[at++] = NEWLINE;
    const line = lines[index] ?? EMPTY;
    wire.set(line, at);
    at += line.length;
  }
  return at;
}

/** RFC 6455 §5.2, server to client: no mask; 2, 4 or 10 bytes by the payload's length. */
function headerBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the length behind the opcode at `at`; the answer is the header's length. */
function writeLength(wire: Buffer, at: number, payloadBytes: number): number {
  const header = headerBytes(payloadBytes);
  if (header === 2) wire[at + 1] = payloadBytes;
  else if (header === 4) {
    wire[at + 1] = 126;
    wire.writeUInt16BE(payloadBytes, at + 2);
  } else {
    wire[at + 1] = 127;
    wire.writeUInt32BE(0, at + 2);
    wire.writeUInt32BE(payloadBytes, at + 6);
  }
  return header;
}

/** Header of one frame; `first` holds FIN, the reserved bits and the opcode. */
export function frameHeader(first: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(headerBytes(payloadBytes));
  header[0] = first;
  writeLength(header, 0, payloadBytes);
  return header;
}
