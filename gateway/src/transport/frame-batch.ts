import { MAX_REPLIES_PER_FRAME, MAX_REPLY_FRAME_BYTES } from "@belay/protocol";

/** Finished WebSocket text frames in one buffer, ready for any number of sockets. */
export interface FrameBatch {
  /** Headers and payloads, as they go over the wire. */
  readonly wire: Buffer;
  /** Where each payload stands in `wire`. */
  readonly payloads: readonly PayloadRange[];
  /** Replies and pushes in it. */
  readonly lines: number;
}

interface PayloadRange {
  readonly start: number;
  readonly end: number;
}

const NEWLINE = 0x0a;
const FIN_TEXT = 0x81;

/** Joins lines into as few frames as ORD4 allows. */
export function makeFrameBatch(lines: readonly Buffer[]): FrameBatch {
  const frames = splitIntoFrames(lines);
  const wire = Buffer.allocUnsafe(frames.reduce((sum, frame) => sum + headerBytes(frame.bytes) + frame.bytes, 0));
  const payloads: PayloadRange[] = [];
  let at = 0;
  for (const { from, to, bytes } of frames) {
    at = writeHeader(wire, at, bytes);
    const start = at;
    for (let index = from; index < to; index++) {
      if (index > from) wire[at++] = NEWLINE;
      const line = lines[index] ?? EMPTY;
      wire.set(line, at);
      at += line.length;
    }
    payloads.push({ start, end: at });
  }
  return { wire, payloads, lines: lines.length };
}

const EMPTY = Buffer.alloc(0);

interface FrameRange {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

function splitIntoFrames(lines: readonly Buffer[]): readonly FrameRange[] {
  const frames: FrameRange[] = [];
  let from = 0;
  let bytes = -1;
  for (const [index, line] of lines.entries()) {
    const joined = bytes + 1 + line.length;
    if (index > from && (index - from === MAX_REPLIES_PER_FRAME || joined > MAX_REPLY_FRAME_BYTES)) {
      frames.push({ from, to: index, bytes });
      from = index;
      bytes = line.length;
    } else bytes = joined;
  }
  if (from < lines.length) frames.push({ from, to: lines.length, bytes });
  return frames;
}

/** RFC 6455 §5.2, server to client: no mask; 2, 4 or 10 bytes by the payload's length. */
function headerBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

function writeHeader(wire: Buffer, at: number, payloadBytes: number): number {
  wire[at] = FIN_TEXT;
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
  return at + header;
}
