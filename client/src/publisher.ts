import { retryMs } from "./backoff.ts";
import type { CancelTimer } from "./clock.ts";
import { guarded } from "./emitter.ts";
import {
  type ClosedError,
  ConnectionLostError,
  NotConnectedError,
  OutcomeUnknownError,
  QueueExpiredError,
  QueueFullError,
  RequestTimeoutError,
  ServerError,
} from "./errors.ts";
import { isTemporary } from "./failure.ts";
import { given } from "./json-fields.ts";
import type { Link, Outcome } from "./link.ts";
import type { Payload } from "./messages.ts";
import type { Settings } from "./options.ts";
import { PublishQueue, type QueuedPublish, type Settled } from "./publish-queue.ts";

export interface PublishOptions {
  /**
   * What happens without a connection: `queue` waits for one (the default), `latest` waits and takes the place of what waits for
   * the same channel, `reject` fails at once. On a connection a publish may have to wait, too, behind others: as with `queue`, or
   * `latest`.
   */
  readonly whenOffline?: "queue" | "latest" | "reject";
  /** How long it may wait, at most the queue's own bound. */
  readonly maxAgeMs?: number;
}

interface Promised {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  attempts: number;
}

/** Publishes, each with a key under which it is repeated until the server has acknowledged it. */
export class Publisher {
  readonly #settings: Settings;
  readonly #link: () => Link | undefined;
  readonly #queue: PublishQueue;
  readonly #promised = new Map<string, Promised>();
  /** Begins every key of this client. */
  readonly #prefix: string;
  #made = 0;
  #cancelTimer: CancelTimer | undefined;
  #keysGranted = false;

  /** @param onUnheard told of a publish of an earlier life of the page that failed: nobody waits for it any more. */
  constructor(settings: Settings, link: () => Link | undefined, onUnheard: (error: Error) => void) {
    this.#settings = settings;
    this.#link = link;
    this.#queue = new PublishQueue(settings.queue);
    for (const { firstSentMs, ...publish } of settings.store?.publishes() ?? []) {
      this.#queue.add(publish, firstSentMs);
      this.#promised.set(publish.key, { resolve: () => undefined, reject: onUnheard, attempts: 0 });
    }
    this.#prefix = Array.from({ length: 3 }, () => Math.floor(settings.random() * 2 ** 32).toString(36)).join("");
  }

  get waiting(): PublishQueue["waiting"] {
    return this.#queue.waiting;
  }

  /** Without an answer yet, under way or waiting. */
  get size(): number {
    return this.#queue.size;
  }

  async publish(channel: string, data: Payload, options: PublishOptions = {}): Promise<void> {
    const publish = this.#queued(channel, data, options);
    this.#makeRoom(publish, options);
    this.#settings.store?.keep(publish);
    return new Promise((resolve, reject) => {
      this.#promised.set(publish.key, { resolve, reject, attempts: 0 });
      this.#queue.add(publish);
      this.flush();
    });
  }

  /** Another connection is the one to publish on; what is under way on the one before is waited for. */
  connected(keysGranted: boolean): void {
    this.#keysGranted = keysGranted;
    if (!keysGranted) this.#rejectAll(this.#queue.unrepeatable(), new ConnectionLostError("the connection was lost"));
    this.flush();
  }

  /** Nothing will be published any more. */
  close(error: ClosedError): void {
    this.#rejectAll(this.#queue.clear(), error);
    this.#schedule();
  }

  /** Sends what may leave now. */
  flush(): void {
    const { clock } = this.#settings;
    const link = this.#link();
    if (link !== undefined && this.#queue.waiting.count > 0) {
      for (const publish of this.#queue.take(link, clock.nowMs())) this.#send(publish, link);
    }
    this.#schedule();
  }

  #send(publish: QueuedPublish, link: Link): void {
    const { channel, data, key } = publish;
    const firstSentMs = this.#queue.firstSentMs(key);
    guarded(() => this.#settings.store?.keep({ ...publish, ...given({ firstSentMs }) }));
    const isKeyed = this.#keysGranted;
    link.request({ kind: "publish", channel, data, ...(isKeyed && { key }) }, (outcome) => {
      this.#answered(publish, outcome, isKeyed);
      this.flush();
    });
  }

  #answered(publish: QueuedPublish, outcome: Outcome, isKeyed: boolean): void {
    const promised = this.#promised.get(publish.key);
    if (promised === undefined) return;
    if (outcome.ok) {
      this.#forget(publish);
      return promised.resolve();
    }
    const { error } = outcome;
    if (!isUnsettled(error)) return this.#reject(publish, error);
    if (!isKeyed) return this.#reject(publish, error instanceof ServerError ? error : unknownOutcome(error));
    const { clock } = this.#settings;
    const isLimit = error instanceof ServerError && error.code === TOO_MANY_REQUESTS;
    const waitMs = error instanceof ServerError ? retryMs(this.#settings, promised.attempts) : 0;
    promised.attempts += 1;
    this.#queue.putBack(publish.key, clock.nowMs() + waitMs + (isLimit ? LIMIT_WAIT_MS : 0), isLimit);
  }

  #queued(channel: string, data: Payload, { maxAgeMs = Infinity }: PublishOptions): QueuedPublish {
    this.#made += 1;
    return {
      channel,
      data,
      key: `${this.#prefix}-${this.#made.toString(36)}`,
      bytes: sizeOf(data),
      queuedMs: this.#settings.clock.nowMs(),
      maxAgeMs: Math.min(maxAgeMs, this.#settings.queue.maxAgeMs),
    };
  }

  #makeRoom({ channel, bytes }: QueuedPublish, { whenOffline }: PublishOptions): void {
    const isOffline = this.#link() === undefined;
    if (isOffline && whenOffline === "reject") throw new NotConnectedError("there is no connection");
    if (whenOffline === "latest")
      this.#rejectAll(this.#queue.replace(channel), new QueueFullError("a newer publish took its place"));
    // On a connection one waits behind others.
    const waits = isOffline || this.waiting.count > 0;
    if (waits && !this.#queue.hasRoomFor(bytes)) throw new QueueFullError("the queue of publishes is full");
  }

  /** One timer for whatever is next: an end of waiting, or another try. */
  #schedule(): void {
    const { clock } = this.#settings;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const nowMs = clock.nowMs();
    const nextMs = this.#queue.nextMs(nowMs);
    if (nextMs === Infinity) return;
    this.#cancelTimer = clock.after(Math.max(0, nextMs - nowMs), () => {
      this.#rejectAll(this.#queue.expired(clock.nowMs()), new QueueExpiredError("not sent in time"));
      this.flush();
    });
  }

  /** What was sent may have been published, whatever the error. */
  #rejectAll(settled: readonly Settled[], error: Error): void {
    for (const { publish, wasSent } of settled) this.#reject(publish, wasSent ? unknownOutcome(error) : error);
  }

  #reject(publish: QueuedPublish, error: Error): void {
    const promised = this.#promised.get(publish.key);
    this.#forget(publish);
    promised?.reject(error);
  }

  #forget({ key }: QueuedPublish): void {
    this.#queue.settle(key);
    this.#promised.delete(key);
    guarded(() => this.#settings.store?.drop(key));
  }
}

const TOO_MANY_REQUESTS = 111;
/** At least, so that the server has room for more than the next few. */
const LIMIT_WAIT_MS = 1000;

/** Trying again may help, or has to. */
function isUnsettled(error: Error): boolean {
  return isTemporary(error) || error instanceof ConnectionLostError || error instanceof RequestTimeoutError;
}

function unknownOutcome(cause: Error): OutcomeUnknownError {
  return new OutcomeUnknownError("the publish may or may not be in the channel", { cause });
}

/** Bytes of a payload on the wire, nearly. */
function sizeOf(data: Payload): number {
  if (data instanceof Uint8Array) return data.byteLength;
  return (JSON.stringify(data) as string | undefined)?.length ?? 0;
}
