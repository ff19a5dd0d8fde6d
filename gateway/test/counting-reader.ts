import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { clientFrame } from "@belay/testkit";

const HANDSHAKE =
  "GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const MARK = '"seq":"';
const NUMBER_LENGTH = 8;
const TIME_LENGTH = 14;

/** The data of message `sequence` (from 1), of about `bytes`. `nowMs` has one decimal. */
export function countedData(sequence: number, nowMs: number, bytes: number): object {
  const number = String(sequence).padStart(NUMBER_LENGTH, "0");
  return { seq: number + nowMs.toFixed(1).padStart(TIME_LENGTH, "0"), pad: "x".repeat(bytes) };
}

/**
 * A subscriber that costs little, so that a thousand of them can read as fast as a gateway writes: it looks for the number and
 * the time of each message in the bytes, whatever frames they are in.
 */
export class CountingReader implements Disposable {
  readonly #socket: Socket;
  readonly #onLatencyMs: (latencyMs: number) => void;
  #rest: Buffer = Buffer.alloc(0);
  #first = 0;
  #last = 0;
  /** Messages that did not follow the one before. */
  outOfOrder = 0;
  isClosed = false;

  private constructor(socket: Socket, onLatencyMs: (latencyMs: number) => void) {
    this.#socket = socket;
    this.#onLatencyMs = onLatencyMs;
    socket.on("error", () => undefined);
    socket.on("close", () => (this.isClosed = true));
  }

  /** Connected, and subscribed to the channel. */
  static async open(
    port: number,
    channel: string,
    onLatencyMs: (latencyMs: number) => void = () => undefined,
  ): Promise<CountingReader> {
    const socket = connect(port, "127.0.0.1");
    const reader = new CountingReader(socket, onLatencyMs);
    await once(socket, "connect");
    const commands = `{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"${channel}"}}`;
    socket.write(Buffer.concat([Buffer.from(HANDSHAKE), clientFrame(commands)]));
    let answer = "";
    while (!answer.includes('"id":2')) answer += String((await once(socket, "data"))[0]);
    socket.on("data", (chunk: Buffer) => reader.#read(chunk));
    return reader;
  }

  /** From the first to the last one, numbers included. */
  get received(): number {
    return this.#last === 0 ? 0 : this.#last - this.#first + 1;
  }

  get last(): number {
    return this.#last;
  }

  /** Stops reading: what comes stays in the kernel, then in the gateway. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const nowMs = performance.now();
    let at = bytes.indexOf(MARK);
    let end = 0;
    while (at !== -1 && at + MARK.length + NUMBER_LENGTH + TIME_LENGTH <= bytes.length) {
      const number = at + MARK.length;
      end = number + NUMBER_LENGTH + TIME_LENGTH;
      this.#onMessage(Number(bytes.toString("latin1", number, number + NUMBER_LENGTH)));
      this.#onLatencyMs(nowMs - Number(bytes.toString("latin1", number + NUMBER_LENGTH, end)));
      at = bytes.indexOf(MARK, end);
    }
    // A mark may lie across two chunks.
    this.#rest = bytes.subarray(at === -1 ? Math.max(end, bytes.length - MARK.length) : at);
  }

  #onMessage(sequence: number): void {
    if (this.#last === 0) this.#first = sequence;
    else if (sequence !== this.#last + 1) this.outOfOrder += 1;
    this.#last = sequence;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
