import type { CancelTimer, Clock } from "./clock.ts";
import { type ClosedError, NotConnectedError } from "./errors.ts";
import type { Link, Request } from "./link.ts";
import type { Reply } from "./messages.ts";

interface Waiting {
  readonly proceed: (link: Link) => void;
  readonly reject: (error: Error) => void;
  readonly cancelTimer: CancelTimer;
}

export interface CallsDeps {
  readonly clock: Clock;
  readonly link: () => Link | undefined;
  /** Why there will be no connection, where there will be none. */
  readonly closed: () => ClosedError | undefined;
}

/** Commands of the application that are sent once and never repeated; each waits for a connection at most its time-out. */
export class Calls {
  readonly #deps: CallsDeps;
  readonly #waiting = new Set<Waiting>();

  constructor(deps: CallsDeps) {
    this.#deps = deps;
  }

  /** Rejects with the reply's error, or where there is none in time. */
  async call<Kind extends Reply["kind"]>(
    request: Request & { readonly kind: Kind },
    timeoutMs: number,
  ): Promise<Extract<Reply, { readonly kind: Kind }>> {
    const link = await this.connected(timeoutMs);
    return new Promise((resolve, reject) => {
      link.request(
        request,
        (outcome) => {
          if (!outcome.ok) return reject(outcome.error);
          if (outcome.reply.kind !== request.kind) return reject(new Error(`no answer to ${request.kind}`));
          resolve(outcome.reply as Extract<Reply, { readonly kind: Kind }>);
        },
        timeoutMs,
      );
    });
  }

  /** The connection, as soon as there is one. */
  async connected(timeoutMs: number): Promise<Link> {
    const link = this.#deps.link();
    if (link !== undefined) return link;
    const closed = this.#deps.closed();
    if (closed !== undefined) throw closed;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting);
        reject(new NotConnectedError(`no connection within ${timeoutMs} ms`));
      };
      const cancelTimer = timeoutMs === Infinity ? () => undefined : this.#deps.clock.after(timeoutMs, leave);
      const waiting: Waiting = { proceed: resolve, reject, cancelTimer };
      this.#waiting.add(waiting);
    });
  }

  /** There is a connection. */
  proceed(link: Link): void {
    for (const waiting of this.#leave()) waiting.proceed(link);
  }

  /** There will be none. */
  close(error: ClosedError): void {
    for (const waiting of this.#leave()) waiting.reject(error);
  }

  #leave(): readonly Waiting[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { cancelTimer } of all) cancelTimer();
    return all;
  }
}
