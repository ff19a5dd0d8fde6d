import { constants, deflateRawSync } from "node:zlib";
import type { FrameBatch, Framing, PayloadRange } from "./framing.ts";
import { frameHeader } from "./ws-framing.ts";

export interface Deflation {
  /** zlib's, 1 to 9. */
  readonly level: number;
  /** Smaller payloads stay as they are. */
  readonly thresholdBytes: number;
}

/** RSV1 says that a message is compressed (RFC 7692 §6). */
const COMPRESSED = 0x40;
/** What an emptied compressor ends with; the reader puts it back (RFC 7692 §7.2.1). */
const TAIL_BYTES = 4;
const NONE: readonly PayloadRange[] = [];

/**
 * WebSocket frames with permessage-deflate and no context kept between them: every receiver gets the same bytes, so a batch is
 * compressed once, whatever the number of its receivers, and no socket owns a compressor.
 */
export function deflateFraming(plain: Framing, deflation: Deflation): Framing {
  return {
    name: `${plain.name}, deflated`,
    isBinary: plain.isBinary,
    batch: (lines) => deflateBatch(plain.batch(lines), deflation),
  };
}

function deflateBatch({ wire, payloads, lines }: FrameBatch, { level, thresholdBytes }: Deflation): FrameBatch {
  const parts: Buffer[] = [];
  let frameStart = 0;
  for (const { start, end } of payloads) {
    const payload = wire.subarray(start, end);
    const small = payload.length < thresholdBytes ? payload : deflate(payload, level);
    if (small.length < payload.length)
      parts.push(frameHeader((wire[frameStart] ?? 0) | COMPRESSED, small.length), small);
    else parts.push(wire.subarray(frameStart, end));
    frameStart = end;
  }
  // Without payload ranges: these bytes only make sense as they are.
  return { wire: Buffer.concat(parts), payloads: NONE, lines };
}

function deflate(payload: Buffer, level: number): Buffer {
  const bytes = deflateRawSync(payload, { level, finishFlush: constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, bytes.length - TAIL_BYTES);
}
