import { once } from "node:events";
import { WebSocket } from "ws";
import type { Publication, SubscribeResult } from "./numbered-publication.ts";

interface Line {
  readonly id?: number;
  readonly error?: { readonly code: number };
  readonly connect?: object;
  readonly subscribe?: SubscribeResult;
  readonly push?: { readonly pub?: Publication; readonly unsubscribe?: { readonly code: number } };
}

/**
 * A small client of one channel whose publications are 1, 2, 3 … at the offsets 1, 2, 3 …: it does what an SDK does when its
 * subscription ends or its socket closes, and checks every message id. Small, because there are thousands.
 */
export class CheckingClient {
  /** What must never be: a hole, something twice, another content. */
  readonly problems: string[] = [];
  /** Times that its socket was closed by others. */
  closes = 0;
  /** Times that it was told `recovered: false`. */
  unrecovered = 0;
  /** Times that it was told that the order was lost. */
  told = 0;
  recovered = 0;
  /** Offset up to which it has everything. */
  at = 0;
  isSubscribed = false;
  readonly #url: string;
  readonly #channel: string;
  readonly #token: string | undefined;
  #socket: WebSocket | undefined;
  #epoch: string | undefined;
  #id = 0;

  constructor(url: string, channel: string, token?: string) {
    this.#url = url;
    this.#channel = channel;
    this.#token = token;
  }

  /** Resolves when the socket is open; it subscribes from where it was. */
  async open(): Promise<void> {
    const socket = new WebSocket(this.#url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (this.#socket === socket) this.closes += 1;
      this.isSubscribed = false;
    });
    socket.on("message", (data: Buffer) => {
      if (this.#socket !== socket) return;
      for (const line of data.toString().split("\n")) this.#onLine(JSON.parse(line) as Line);
    });
    await once(socket, "open");
    this.#send({ connect: this.#token === undefined ? {} : { token: this.#token } });
  }

  /** The socket is gone, without a word. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.isSubscribed = false;
    socket?.terminate();
  }

  #send(command: object): void {
    this.#socket?.send(JSON.stringify({ id: (this.#id += 1), ...command }));
  }

  #subscribe(): void {
    const place = this.#epoch === undefined ? {} : { recover: true, offset: this.at, epoch: this.#epoch };
    this.#send({ subscribe: { channel: this.#channel, recoverable: true, positioned: true, ...place } });
  }

  #onLine({ error, connect, subscribe, push, id }: Line): void {
    if (push !== undefined) this.#onPush(push);
    else if (id === undefined) this.#socket?.send("{}");
    // Temporary, or the reply would be another one.
    else if (error !== undefined) setTimeout(() => this.#subscribe(), 250);
    else if (connect !== undefined) this.#subscribe();
    else if (subscribe !== undefined) this.#onSubscribed(subscribe);
  }

  #onPush({ pub, unsubscribe }: NonNullable<Line["push"]>): void {
    if (pub !== undefined) this.#take(pub);
    else if (unsubscribe !== undefined) this.#onEnded();
  }

  #onEnded(): void {
    this.told += 1;
    this.isSubscribed = false;
    this.#subscribe();
  }

  #onSubscribed({ epoch, offset = 0, recovered, publications = [] }: SubscribeResult): void {
    this.isSubscribed = true;
    if (recovered === true) {
      this.recovered += 1;
      for (const publication of publications) this.#take(publication);
      if (this.at !== offset) this.problems.push(`recovered to ${this.at}, told ${offset}`);
    } else if (this.#epoch !== undefined) this.unrecovered += 1;
    this.#epoch = epoch;
    this.at = offset;
  }

  #take({ offset, data }: Publication): void {
    if (offset !== this.at + 1 || data !== offset) this.problems.push(`${offset} (${data}) after ${this.at}`);
    this.at = offset;
  }
}
