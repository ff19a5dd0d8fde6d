import { inflateRawSync } from "node:zlib";
import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { deflateFraming } from "./deflate-framing.ts";
import { WS_BINARY, WS_TEXT } from "./ws-framing.ts";

interface Frame {
  readonly first: number;
  readonly payload: Buffer;
}

/** Frames as a client reads them, decompressed each on its own. */
function framesOf(wire: Buffer): readonly Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < wire.length;) {
    const first = wire.readUInt8(at);
    const short = wire.readUInt8(at + 1);
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length = head === 2 ? short : head === 4 ? wire.readUInt16BE(at + 2) : Number(wire.readBigUInt64BE(at + 2));
    const bytes = wire.subarray(at + head, at + head + length);
    const isCompressed = (first & 0x40) !== 0;
    const payload = isCompressed
      ? inflateRawSync(Buffer.concat([bytes, Buffer.from("0000ffff", "hex")]), { finishFlush: 2 })
      : bytes;
    frames.push({ first, payload });
    at += head + length;
  }
  return frames;
}

const text = Buffer.from(JSON.stringify({ push: { channel: "c", pub: { data: "abc".repeat(400) } } }));

test("[WSX1] a large frame is compressed and says so, a small one stays as it is", () => {
  const framing = deflateFraming(WS_TEXT, { level: 1, thresholdBytes: 512 });
  const large = framing.batch([text]);
  expect(framesOf(large.wire)).toEqual([{ first: 0xc1, payload: text }]);
  expect(large.wire.length).toBeLessThan(text.length / 5);
  const small = framing.batch([Buffer.from("{}")]);
  expect(framesOf(small.wire)).toEqual([{ first: 0x81, payload: Buffer.from("{}") }]);
  expect(framesOf(deflateFraming(WS_BINARY, { level: 9, thresholdBytes: 0 }).batch([text]).wire)[0]?.first).toBe(0xc2);
});

prop.prop([
  fc.array(
    fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.constant(text),
      fc.constant(Buffer.alloc(70_000, "y")),
    ),
    {
      minLength: 1,
      maxLength: 40,
    },
  ),
  fc.integer({ min: 1, max: 9 }),
])("[WSX1] whatever the lines are, every frame can be read on its own and no frame grows", (payloads, level) => {
  const lines = payloads.map((payload) => Buffer.from(payload));
  const plain = WS_BINARY.batch(lines);
  const deflated = deflateFraming(WS_BINARY, { level, thresholdBytes: 0 }).batch(lines);
  expect(Buffer.concat(framesOf(deflated.wire).map(({ payload }) => payload)).equals(Buffer.concat(lines))).toBe(true);
  expect(deflated.wire.length).toBeLessThanOrEqual(plain.wire.length);
  expect(deflated.lines).toBe(lines.length);
});
