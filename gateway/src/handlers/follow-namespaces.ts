/** After a change of the configuration: subscriptions whose namespace is gone end, those whose namespace works otherwise start anew. */
import { hasSameRules } from "../channels/same-rules.ts";
import { openSubscription } from "../subscription/open-subscription.ts";
import { Subscription } from "../subscription/subscription.ts";
import type { ClientConnection, Services } from "./services.ts";

export interface FollowOptions {
  readonly services: Services;
  readonly connections: () => Iterable<ClientConnection>;
  /** Calls back later. */
  readonly later: (work: () => void, ms: number) => void;
}

/** Connections looked at before other work gets a turn. */
const SLICE_CONNECTIONS = 500;
/** Clients come back at once after a push that asks them to; this many at a time, so that they do not come all together. */
const RESTARTS_PER_SLICE = 100;
/** So 2,000 restarts a second. */
const PAUSE_MS = 50;

export class NamespaceFollower {
  readonly #options: FollowOptions;
  /** What is left of the newest sweep. */
  #sweep: Iterator<ClientConnection> | undefined;
  /** Connections whose connect is under way: looked at again. */
  #unsettled: ClientConnection[] = [];
  #isScheduled = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Looks at every connection; a sweep under way begins anew. */
  follow(): void {
    this.#unsettled = [];
    this.#begin([...this.#options.connections()], 0);
  }

  #begin(connections: readonly ClientConnection[], ms: number): void {
    this.#sweep = connections.values();
    this.#schedule(ms);
  }

  #schedule(ms: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.later(() => {
      this.#isScheduled = false;
      this.#slice();
    }, ms);
  }

  #slice(): void {
    let restarts = 0;
    for (let seen = 0; seen < SLICE_CONNECTIONS && restarts < RESTARTS_PER_SLICE; seen++) {
      const next = this.#sweep?.next();
      if (next === undefined || next.done === true) return this.#end();
      restarts += this.#judgeAll(next.value);
    }
    this.#schedule(restarts < RESTARTS_PER_SLICE ? 0 : PAUSE_MS);
  }

  #end(): void {
    const unsettled = this.#unsettled;
    this.#sweep = undefined;
    this.#unsettled = [];
    if (unsettled.length > 0) this.#begin(unsettled, PAUSE_MS);
  }

  /** How many of its subscriptions start anew. */
  #judgeAll(connection: ClientConnection): number {
    if (!connection.isOpen || connection.subscriptions.size === 0) return 0;
    if (connection.identity === undefined) {
      this.#unsettled.push(connection);
      return 0;
    }
    return Array.from(connection.subscriptions.values()).reduce((sum, each) => sum + this.#judge(connection, each), 0);
  }

  #judge(connection: ClientConnection, { channel, state }: Subscription): number {
    const { services } = this.#options;
    if (state !== "opening") return judgeChannel(connection, channel, services);
    // Its command is still owed an answer.
    void connection.runForChannel(channel, () => {
      judgeChannel(connection, channel, services);
      return undefined;
    });
    return 0;
  }
}

/** 1 when the subscription starts anew. */
function judgeChannel(connection: ClientConnection, channel: string, services: Services): number {
  const subscription = connection.subscriptions.get(channel);
  if (subscription === undefined) return 0;
  const lookup = services.channels().find(channel);
  if (!lookup.ok) connection.endSubscription(channel, "server");
  else if (hasSameRules(subscription.namespace, lookup.namespace)) subscription.adopt(lookup.namespace);
  else {
    connection.endSubscription(channel, "stateInvalidated");
    if (subscription.options.isServerSide) reopen(connection, subscription, services);
    return 1;
  }
  return 0;
}

/** Clients come back by themselves to what they subscribed to; what the server subscribed them to is its own to renew. */
function reopen(connection: ClientConnection, { options, expiresAt }: Subscription, services: Services): void {
  const { channel } = options;
  const { expiresAt: _first, ...kept } = options;
  void connection.runForChannel(channel, async () => {
    const { identity } = connection;
    const lookup = services.channels().find(channel);
    if (identity === undefined || !lookup.ok || connection.subscriptions.has(channel)) return;
    const subscription = new Subscription({
      ...kept,
      namespace: lookup.namespace,
      ...(expiresAt !== undefined && { expiresAt }),
    });
    connection.subscriptions.set(channel, subscription);
    const wants = { recoverable: true, positioned: true, joinLeave: true };
    const outcome = await openSubscription({ connection, subscription, identity, wants }, services);
    if (!outcome.ok || !connection.isOpen) return;
    connection.push({ kind: "subscribe", channel, result: outcome.result });
    outcome.activate();
  });
}
