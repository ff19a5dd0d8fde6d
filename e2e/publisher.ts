import { randomUUID } from "node:crypto";
import { paced } from "./pace.ts";

export interface PublisherOptions {
  /** A client endpoint, `ws://…/connection/websocket`; the server API is on the same port. */
  readonly url: string;
  readonly apiKey: string;
  readonly channel: string;
  readonly perSecond: number;
}

/** A request that was under way for longer stood in a process that did not run. */
const FROZEN_MS = 1_000;

/** Publishes through the server API at a steady rate until it is disposed of, and counts what the server answered. */
export class Publisher implements AsyncDisposable {
  /** Publications that got their position. */
  accepted = 0;
  /** Answers with `temporary: true`. */
  refusedTemporarily = 0;
  /** Requests given up after 10 s, or failed after more than one, and made again with the same idempotency key: a pod that is frozen answers nothing. */
  unanswered = 0;
  /**
   * Requests that left as the server ended the connection on which they went, which nobody can prevent (RFC 9112, 9.5), made again
   * with the same idempotency key.
   */
  cut = 0;
  /** Everything else: other errors, connections refused. */
  readonly failures: string[] = [];
  #stopped = false;
  #done: Promise<unknown> = Promise.resolve();
  #next = 0;
  readonly #name = randomUUID();

  static start(options: PublisherOptions): Publisher {
    const publisher = new Publisher();
    publisher.#done = publisher.#run(options);
    return publisher;
  }

  async #run(options: PublisherOptions): Promise<void> {
    const api = new URL("/api/publish", options.url.replace(/^ws/, "http"));
    const pending = new Set<Promise<void>>();
    const { perSecond } = options;
    for await (const due of paced({ perSecond, everyMs: 10, isStopped: () => this.#stopped })) {
      while (this.#next < due) {
        const one = this.#publish(api, options).finally(() => pending.delete(one));
        pending.add(one);
      }
    }
    await Promise.all(pending);
  }

  async #publish(api: URL, { apiKey, channel }: PublisherOptions): Promise<void> {
    const n = this.#next++;
    const body = JSON.stringify({ channel, data: { n }, idempotency_key: `${this.#name}-${n}` });
    const headers = { "X-API-Key": apiKey, "Content-Type": "application/json" };
    for (;;) {
      const startMs = performance.now();
      try {
        const signal = AbortSignal.timeout(10_000);
        await this.#onAnswer(await fetch(api, { method: "POST", headers, body, signal }));
        return;
      } catch (error) {
        const tookMs = performance.now() - startMs;
        const isFrozen = tookMs >= FROZEN_MS;
        if (this.#stopped || !(isFrozen || isCut(error))) {
          const cause = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
          this.failures.push(`${new Date().toISOString()} after ${Math.round(tookMs)} ms: ${cause}`);
          return;
        }
        if (isFrozen) this.unanswered += 1;
        else this.cut += 1;
      }
    }
  }

  async #onAnswer(response: Response): Promise<void> {
    const answer = (await response.json()) as { error?: { code: number; temporary?: boolean } };
    if (answer.error === undefined && response.ok) this.accepted += 1;
    else if (answer.error?.temporary === true || response.status === 503) this.refusedTemporarily += 1;
    else this.failures.push(`${response.status} ${JSON.stringify(answer)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

function isCut(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { readonly code?: string } | undefined) : undefined;
  return cause?.code === "ECONNRESET" || cause?.code === "UND_ERR_SOCKET";
}
