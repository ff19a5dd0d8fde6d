import type { Received, TestClient } from "@belay/testkit";
import assert from "node:assert/strict";
import type { Publication, SubscribeResult } from "./numbered-publication.ts";

/** What a subscriber saw, in order; `told`: it heard that something may be missing. */
export type Seen = number | "told";

/** The SDKs do not know it: who is subscribed already needs nothing. */
const ALREADY_SUBSCRIBED = 105;

/** Subscribes as the SDKs do: it comes back from where it was whenever its order was lost. */
export class Subscriber {
  readonly seen: Seen[] = [];
  readonly client: TestClient;
  readonly channel: string;
  /** Whether it leaves and comes back. */
  readonly isRestless: boolean;
  /** Offsets that did not follow the one before. */
  readonly jumps: string[] = [];
  #position: { epoch: string; offset: number } | undefined;
  #read = 0;
  #isAway = false;
  isClosed = false;
  lastWord = "";

  constructor(client: TestClient, channel: string, isRestless: boolean) {
    this.client = client;
    this.channel = channel;
    this.isRestless = isRestless;
    void client.closed.then(() => (this.isClosed = true));
    client.socket.on("message", () => this.#catchUp());
  }

  async subscribe(): Promise<void> {
    const { channel } = this;
    const since = this.#position === undefined ? {} : { recover: true, ...this.#position };
    const reply = await this.client.call({ subscribe: { channel, positioned: true, recoverable: true, ...since } });
    if (reply.error === undefined || reply.error.code === ALREADY_SUBSCRIBED) return;
    // As an SDK: a temporary error is tried again.
    this.lastWord = reply.error.message;
    assert.ok(reply.error.temporary, reply.error.message);
    await pause(100);
    if (!this.isClosed) await this.subscribe();
  }

  /** Until `isOver`; then it stays. */
  async comeAndGo(isOver: () => boolean): Promise<void> {
    this.#isAway = true;
    while (!isOver() && !this.isClosed) {
      await this.client.call({ unsubscribe: { channel: this.channel } });
      await pause(30);
      await this.subscribe();
      await pause(30);
    }
    this.#isAway = false;
    // It may have been put out since.
    if (!this.isClosed) await this.subscribe();
  }

  /** Replies and pushes count in the order in which they came. */
  #catchUp(): void {
    for (; this.#read < this.client.received.length; this.#read += 1) {
      const message = this.client.received[this.#read];
      if (message !== undefined) this.#take(message);
    }
  }

  #take(message: Received): void {
    if ("subscribe" in message) this.#onSubscribed(message["subscribe"] as SubscribeResult);
    const push = message.push as { readonly pub?: Publication; readonly unsubscribe?: object } | undefined;
    if (push?.pub !== undefined) this.#see(push.pub);
    if (push?.unsubscribe !== undefined) {
      this.lastWord = JSON.stringify(push.unsubscribe);
      if (!this.#isAway) void this.subscribe();
    }
  }

  #onSubscribed({ epoch, offset = 0, recovered = false, publications = [] }: SubscribeResult): void {
    const former = this.#position;
    if (former !== undefined && !recovered) this.seen.push("told");
    this.#position = { epoch, offset: former !== undefined && recovered ? former.offset : offset };
    for (const publication of publications) this.#see(publication);
  }

  #see({ offset, data }: Publication): void {
    this.seen.push(data);
    if (this.#position === undefined) return;
    if (offset !== this.#position.offset + 1) this.jumps.push(`offset ${offset} after ${this.#position.offset}`);
    this.#position.offset = offset;
  }
}

/** Milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
