import { type Clock, pause, type Random } from "../clock.ts";
import { type KubeClient, KubeError, type KubeObject, type Resource } from "../kube/kube-client.ts";
import { backoffMs } from "./backoff.ts";
import type { Store } from "./store.ts";

const pageSize = 500;
/** The cap is most of what an outage costs beyond its end; a dozen reflectors that ask every 10 s are no load. */
const restart = { baseMs: 500, capMs: 10_000 };
/** The server ends a watch after this long, spread by half, so that a restart of many does not come at once. */
const watchSeconds = 300;
const endedAtOnceMs = 1_000;
/** A try that lasted this long was no part of a loop of failures: the next pause is short again. */
const unhurriedMs = 10_000;

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly store: Store<T>;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Every failure after which the reflector starts again, for logs and metrics. */
  readonly onRestart?: (failure: {
    readonly resource: Resource;
    readonly error: unknown;
    readonly relist: boolean;
    readonly inMs: number;
  }) => void;
}

/**
 * Keeps a store equal to what the API server has: a paged list, then a watch that resumes where the last one ended. A lost
 * history (410, 504) means a new list; every other failure a pause, longer each time, and another try. It never gives up.
 */
export class Reflector<T extends KubeObject> {
  /** Resolves when the first list is in the store. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #stop = new AbortController();
  readonly #markSynced: () => void;
  #running: Promise<void> = Promise.resolve();
  #failures = 0;
  /** Counted apart: a server that answers 410 is there again, and the list should not wait for as long as the outage made us. */
  #relists = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#markSynced = resolve;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let resourceVersion = "";
    const { signal } = this.#stop;
    const { clock } = this.#options;
    while (!signal.aborted) {
      const triedAtMs = clock.nowMs();
      try {
        if (resourceVersion === "") resourceVersion = await this.#list();
        for await (const seen of this.#watch(resourceVersion)) {
          resourceVersion = seen;
          this.#failures = 0;
          this.#relists = 0;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (clock.nowMs() - triedAtMs >= unhurriedMs) this.#failures = 0;
        const relist = isHistoryLost(error);
        if (relist) resourceVersion = "";
        await this.#rest(error, relist);
      }
    }
  }

  async #rest(error: unknown, relist: boolean): Promise<void> {
    const { clock, random, resource, onRestart } = this.#options;
    const asked = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    const inMs = Math.max(asked, backoffMs(restart, relist ? this.#relists : this.#failures, random()));
    if (relist) this.#relists += 1;
    else this.#failures += 1;
    onRestart?.({ resource, error, relist, inMs });
    await pause(clock, inMs, this.#stop.signal);
  }

  async #list(): Promise<string> {
    const { client, resource, store, namespace, labelSelector } = this.#options;
    const objects: T[] = [];
    let continueToken = "";
    for (;;) {
      const page = await client.list<T>(resource, {
        limit: pageSize,
        continueToken,
        ...(namespace !== undefined && { namespace }),
        ...(labelSelector !== undefined && { labelSelector }),
      });
      objects.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken !== "") continue;
      if (namespace === undefined) store.replaceAll(objects);
      else store.replaceNamespace(namespace, objects);
      this.#markSynced();
      return page.resourceVersion;
    }
  }

  /** Applies events to the store and yields the version to resume from after each. */
  async *#watch(resourceVersion: string): AsyncGenerator<string> {
    const { client, resource, store, namespace, labelSelector, random } = this.#options;
    const timeoutSeconds = Math.round(watchSeconds * (1 + random() / 2));
    const events = client.watch<T>(
      resource,
      {
        resourceVersion,
        timeoutSeconds,
        ...(namespace !== undefined && { namespace }),
        ...(labelSelector !== undefined && { labelSelector }),
      },
      this.#stop.signal,
    );
    const started = this.#options.clock.nowMs();
    for await (const event of events) {
      if (event.type === "BOOKMARK") {
        yield event.resourceVersion;
        continue;
      }
      if (event.type === "DELETED") store.delete(event.object);
      else store.set(event.object);
      yield event.object.metadata.resourceVersion ?? resourceVersion;
    }
    // A server that accepts watches and ends them at once must not be asked in a hot loop.
    if (this.#options.clock.nowMs() - started < endedAtOnceMs) throw new Error("watch ended at once");
  }
}

function isHistoryLost(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.status === 504);
}
