import { BrokerUnavailableError, type Position } from "../broker/broker.ts";
import type { InboxMessage, InboxPage, InboxReading } from "./inboxes.ts";

/** A connection that gets the messages of an inbox. */
export interface InboxReader {
  /** Bytes that wait to be sent to it. */
  readonly queuedBytes: () => number;
  readonly deliver: (message: InboxMessage) => void;
  /** The inbox took another epoch; called before what comes with it. */
  readonly onEpoch: () => void;
}

export interface InboxFeedOptions {
  readonly user: string;
  readonly group: string;
  readonly reader: InboxReader;
  /** Place behind which it begins. */
  readonly after: Position;
  /** Queued bytes above which messages wait. */
  readonly maxQueuedBytes: () => number;
  readonly read: (reading: InboxReading) => Promise<InboxPage>;
  readonly onBegin: (feed: InboxFeed) => void;
  readonly onClose: (feed: InboxFeed) => void;
  readonly onFault: (error: unknown) => void;
}

/** How long a feed waits for a connection that takes nothing, milliseconds; doubled up to the longest. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;

/** One connection's way through its user's inbox: in order, page by page, at the pace at which the connection takes it. */
export class InboxFeed {
  readonly #options: InboxFeedOptions;
  #position: Position;
  #epoch: string;
  #state: "waiting" | "idle" | "reading" | "closed" = "waiting";
  /** There may be more than the reading under way will see. */
  #isWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #resume: (() => void) | undefined;

  constructor(options: InboxFeedOptions) {
    this.#options = options;
    this.#position = options.after;
    this.#epoch = options.after.epoch;
  }

  get user(): string {
    return this.#options.user;
  }

  get group(): string {
    return this.#options.group;
  }

  /** The client knows that the inbox is open: messages may follow. */
  begin(): void {
    if (this.#state !== "waiting") return;
    this.#state = "idle";
    this.#options.onBegin(this);
    this.wake();
  }

  /** There may be something new. */
  wake(): void {
    if (this.#state === "idle") void this.#run();
    else this.#isWanted = true;
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#resume?.();
    this.#options.onClose(this);
  }

  get #isClosed(): boolean {
    return this.#state === "closed";
  }

  async #run(): Promise<void> {
    this.#state = "reading";
    try {
      do {
        this.#isWanted = false;
        await this.#readAll();
      } while (this.#isWanted && !this.#isClosed);
    } catch (error) {
      // The next nudge or look finds what is there.
      if (!(error instanceof BrokerUnavailableError)) this.#options.onFault(error);
    }
    if (!this.#isClosed) this.#state = "idle";
  }

  async #readAll(): Promise<void> {
    const { user, group, read } = this.#options;
    for (let hasMore = true; hasMore && !this.#isClosed;) {
      const page = await read({ user, group, after: this.#position });
      if (page.epoch !== this.#epoch && !this.#isClosed) {
        this.#epoch = page.epoch;
        this.#options.reader.onEpoch();
      }
      for (const message of page.messages) await this.#hand(message);
      if (this.#isClosed) return;
      this.#position = page.position;
      ({ hasMore } = page);
    }
  }

  async #hand(message: InboxMessage): Promise<void> {
    const { reader, maxQueuedBytes } = this.#options;
    for (let pauseMs = FIRST_PAUSE_MS; !this.#isClosed && reader.queuedBytes() > maxQueuedBytes();) {
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
    if (this.#isClosed) return;
    this.#position = message.position;
    reader.deliver(message);
  }

  #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resume = resolve;
    this.#timer = setTimeout(resolve, ms);
    return promise;
  }
}
