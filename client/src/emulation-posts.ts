/** The way to the server beside an HTTP stream: POSTs to the emulation endpoint, one after the other, so that commands keep their order. */
import { joined } from "./stream-framing.ts";
import type { EmulatedSession, Format, Frame } from "./transport.ts";

/** Of a POST; the server waits 3 s for the node that owns the session. */
const TIMEOUT_MS = 10_000;
/** Waiting frames leave together, within what any server takes: 64 KiB and 1,024 commands in a frame. */
const MAX_JOINED_LENGTH = 16_384;
const MAX_JOINED_FRAMES = 64;
const MESSAGE_TOO_BIG = 1009;
const CLOSED_ABNORMALLY = 1006;
const PAYLOAD_TOO_LARGE = 413;

export interface EmulationPostsOptions {
  readonly endpoint: string;
  readonly format: Format;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  /** Whether the frame arrived is not known: the connection cannot go on. The code is one of close frames. Not called after close. */
  readonly onFault: (code: number, reason: string) => void;
}

export class EmulationPosts {
  readonly #options: EmulationPostsOptions;
  readonly #abort = new AbortController();
  readonly #waiting: Frame[] = [];
  #session: EmulatedSession | undefined;
  #isPosting = false;
  #postedLength = 0;

  constructor(options: EmulationPostsOptions) {
    this.#options = options;
  }

  /** Length of what no server has confirmed. */
  get bufferedAmount(): number {
    return this.#waiting.reduce((sum, frame) => sum + frame.length, this.#postedLength);
  }

  identify(session: EmulatedSession): void {
    this.#session = session;
    void this.#drain();
  }

  send(frame: Frame): void {
    this.#waiting.push(frame);
    void this.#drain();
  }

  close(): void {
    this.#waiting.length = 0;
    this.#abort.abort();
  }

  async #drain(): Promise<void> {
    const session = this.#session;
    if (this.#isPosting || session === undefined) return;
    this.#isPosting = true;
    // What the same turn still sends leaves with it.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#abort.signal.aborted) await this.#post(session, this.#next());
    this.#isPosting = false;
  }

  #next(): Frame {
    let count = 1;
    let length = this.#waiting[0]?.length ?? 0;
    while (count < Math.min(this.#waiting.length, MAX_JOINED_FRAMES)) {
      length += this.#waiting[count]?.length ?? 0;
      if (length > MAX_JOINED_LENGTH) break;
      count += 1;
    }
    const frames = this.#waiting.splice(0, count);
    if (this.#options.format === "json") return frames.join("\n");
    const parts = frames as Uint8Array[];
    return joined(
      parts,
      parts.reduce((sum, part) => sum + part.length, 0),
    );
  }

  async #post(session: EmulatedSession, data: Frame): Promise<void> {
    this.#postedLength = data.length;
    const problem = await this.#problemOf(session, data);
    this.#postedLength = 0;
    if (problem === undefined || this.#abort.signal.aborted) return;
    this.close();
    this.#options.onFault(problem === PAYLOAD_TOO_LARGE ? MESSAGE_TOO_BIG : CLOSED_ABNORMALLY, `emulation: ${problem}`);
  }

  /** The status or what went wrong; undefined where the server has taken the frame. */
  async #problemOf(session: EmulatedSession, data: Frame): Promise<number | string | undefined> {
    const { endpoint, headers, fetch } = this.#options;
    try {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { ...headers, "Content-Type": contentType(data) },
        body: emulationBody(session, data),
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : response.status;
    } catch (error) {
      return String(error);
    }
  }
}

export function contentType(frame: Frame): string {
  return typeof frame === "string" ? "application/json" : "application/octet-stream";
}

function emulationBody({ session, node }: EmulatedSession, data: Frame): BodyInit {
  if (typeof data === "string") return JSON.stringify({ session, node, data });
  const text = new TextEncoder();
  const fields = [text.encode(node), text.encode(session), data];
  const parts = fields.flatMap((bytes, index) => [protobufHead(index + 1, bytes.length), bytes]);
  return joined(
    parts,
    parts.reduce((sum, { length }) => sum + length, 0),
  ) as BodyInit;
}

/** Tag and length of a field of bytes. By hand, because who speaks JSON is not to load the Protobuf codec. */
function protobufHead(field: number, length: number): Uint8Array {
  const bytes = [field * 8 + 2];
  let rest = length;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Uint8Array.from([...bytes, rest]);
}
