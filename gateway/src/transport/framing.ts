import { MAX_REPLIES_PER_FRAME, MAX_REPLY_FRAME_BYTES } from "@belay/protocol";

/** Encoded replies and pushes as they go over one kind of wire, ready for any number of sockets. */
export interface FrameBatch {
  /** Everything, headers included. */
  readonly wire: Buffer;
  /** Where each frame's payload stands in `wire`; empty where it stands there in another form. */
  readonly payloads: readonly PayloadRange[];
  /** Replies and pushes in it. */
  readonly lines: number;
}

export interface PayloadRange {
  readonly start: number;
  readonly end: number;
}

/** How lines become frames. Sockets with the same framing share batches. */
export interface Framing {
  readonly name: string;
  /** Frames carry bytes and not text. */
  readonly isBinary: boolean;
  batch(lines: readonly Buffer[]): FrameBatch;
}

/** Lines of one frame; `bytes` counts the separators. */
export interface FrameRange {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

/** Splits lines into as few frames as ORD4 allows; `separatorBytes` stand between two lines. */
export function splitIntoFrames(lines: readonly Buffer[], separatorBytes: number): readonly FrameRange[] {
  const frames: FrameRange[] = [];
  let from = 0;
  let bytes = -separatorBytes;
  for (const [index, line] of lines.entries()) {
    const joined = bytes + separatorBytes + line.length;
    if (index > from && (index - from === MAX_REPLIES_PER_FRAME || joined > MAX_REPLY_FRAME_BYTES)) {
      frames.push({ from, to: index, bytes });
      from = index;
      bytes = line.length;
    } else bytes = joined;
  }
  if (from < lines.length) frames.push({ from, to: lines.length, bytes });
  return frames;
}
