import { fc } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { JsonLines, ProtobufMessages, ServerSentEvents, type StreamFraming } from "./stream-framing.ts";
import type { Frame } from "./transport.ts";

const text = new TextEncoder();

function feed(framing: StreamFraming, body: Uint8Array, cuts: readonly number[]): readonly Frame[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (body.length + 1)), body.length])].sort((a, b) => a - b);
  return places.slice(1).flatMap((end, index) => framing.push(body.slice(places[index], end)));
}

const cutting = fc.array(fc.nat(), { maxLength: 8 });

test("[TRN4] lines are whole however the stream is cut, also inside of a character", () => {
  const body = text.encode('{"a":"ä"}\n{"b":"😀"}\n{}\n');
  fc.assert(
    fc.property(cutting, (cuts) => {
      expect(feed(new JsonLines(), body, cuts).join("\n")).toBe('{"a":"ä"}\n{"b":"😀"}\n{}');
    }),
  );
});

test("[TRN4] what follows the last newline waits", () => {
  const lines = new JsonLines();
  expect(lines.push(text.encode('{"a":1}\n{"b"'))).toEqual(['{"a":1}']);
  expect(lines.push(text.encode(":2}"))).toEqual([]);
  expect(lines.push(text.encode("\n"))).toEqual(['{"b":2}']);
});

test("[TRN4] events are whole however the stream is cut; comments and other fields are left out", () => {
  const body = text.encode(': hello\n\ndata: {"a":1}\r\n\r\nevent: x\nid: 4\ndata:{"b":\ndata: "ä"}\n\n\n');
  fc.assert(
    fc.property(cutting, (cuts) => {
      expect(feed(new ServerSentEvents(), body, cuts)).toEqual(['{"a":1}', '{"b":\n"ä"}']);
    }),
  );
});

test("[TRN4] Protobuf messages are whole however the stream is cut, of any length", () => {
  const long = new Uint8Array(300).fill(7);
  const body = Uint8Array.from([0, 2, 1, 2, 0xac, 0x02, ...long, 0]);
  const ends = [1, 4, 306, 307];
  fc.assert(
    fc.property(cutting, (cuts) => {
      const frames = feed(new ProtobufMessages(), body, cuts) as readonly Uint8Array[];
      expect(Uint8Array.from(frames.flatMap((frame) => [...frame]))).toEqual(body);
      let end = 0;
      for (const frame of frames) expect(ends).toContain((end += frame.length));
    }),
  );
});

test("[TRN4] a message that is not whole waits", () => {
  const messages = new ProtobufMessages();
  expect(messages.push(Uint8Array.of(0, 3, 1))).toEqual([Uint8Array.of(0)]);
  expect(messages.push(Uint8Array.of(2))).toEqual([]);
  expect(messages.push(Uint8Array.of(3, 0xff))).toEqual([Uint8Array.of(3, 1, 2, 3)]);
});
