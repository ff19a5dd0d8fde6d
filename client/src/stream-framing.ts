/** Cuts the body of a response into frames. Pure: chunks in, whole frames out. */
import type { Frame } from "./transport.ts";

export interface StreamFraming {
  /** What became whole with this chunk. */
  push(chunk: Uint8Array): readonly Frame[];
}

/** A line for each message; the lines of a chunk are one frame. */
export class JsonLines implements StreamFraming {
  readonly #decoder = new TextDecoder();
  #rest = "";

  push(chunk: Uint8Array): readonly Frame[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf("\n");
    if (end === -1) {
      this.#rest += text;
      return [];
    }
    const frame = this.#rest + text.slice(0, end);
    this.#rest = text.slice(end + 1);
    return [frame];
  }
}

/** An event for each message: what stands behind `data:` up to an empty line. Other fields and comments are nothing to us. */
export class ServerSentEvents implements StreamFraming {
  readonly #lines = new JsonLines();
  #data: string[] = [];

  push(chunk: Uint8Array): readonly Frame[] {
    const frames: Frame[] = [];
    for (const lines of this.#lines.push(chunk) as readonly string[]) {
      for (const line of lines.split("\n")) this.#readLine(line.endsWith("\r") ? line.slice(0, -1) : line, frames);
    }
    return frames;
  }

  #readLine(line: string, frames: Frame[]): void {
    if (line.startsWith("data:")) this.#data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
    if (line !== "" || this.#data.length === 0) return;
    frames.push(this.#data.join("\n"));
    this.#data = [];
  }
}

/** Messages with their lengths before them; those that a chunk completes are one frame. */
export class ProtobufMessages implements StreamFraming {
  #parts: Uint8Array[] = [];
  #length = 0;
  /** Bytes without which nothing more becomes whole. */
  #needed = 1;

  push(chunk: Uint8Array): readonly Frame[] {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#needed) return [];
    const bytes = joined(this.#parts, this.#length);
    let end = 0;
    let next = messageEnd(bytes, 0);
    while (next <= bytes.length) {
      end = next;
      next = messageEnd(bytes, end);
    }
    this.#parts = [bytes.subarray(end)];
    this.#length = bytes.length - end;
    this.#needed = next - end;
    return end === 0 ? [] : [bytes.subarray(0, end)];
  }
}

/** Where the message at `start` ends, or would end; one byte more than there is where its length is not known yet. */
function messageEnd(bytes: Uint8Array, start: number): number {
  let length = 0;
  let scale = 1;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    length += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return at + 1 + length;
  }
  return bytes.length + 1;
}

export function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
