import type { FrameBatch, Framing } from "./framing.ts";

const EVENT_START = Buffer.from("data: ");
const EVENT_END = Buffer.from("\n\n");
const NEWLINE = Buffer.from("\n");
const NOTHING = Buffer.alloc(0);

/** One reply an event (STR2): EventSource hands over events, and no SDK splits them. */
export const SSE_EVENTS: Framing = framing("server-sent events", EVENT_START, EVENT_END);

/** JSON lines, each with its newline: the reader cannot know otherwise that one is whole. */
export const JSON_LINES: Framing = framing("json lines", NOTHING, NEWLINE);

/** Protobuf messages, each with its length before it. */
export const PROTOBUF_MESSAGES: Framing = { ...framing("protobuf messages", NOTHING, NOTHING), isBinary: true };

function framing(name: string, before: Buffer, after: Buffer): Framing {
  return { name, isBinary: false, batch: (lines) => wrap(lines, before, after) };
}

/** An HTTP stream has no frames: the payload ranges are those of the lines. */
function wrap(lines: readonly Buffer[], before: Buffer, after: Buffer): FrameBatch {
  const wire = Buffer.allocUnsafe(lines.reduce((sum, line) => sum + before.length + line.length + after.length, 0));
  let at = 0;
  const payloads = lines.map((line) => {
    wire.set(before, at);
    const start = at + before.length;
    wire.set(line, start);
    const end = start + line.length;
    wire.set(after, end);
    at = end + after.length;
    return { start, end };
  });
  return { wire, payloads, lines: lines.length };
}
