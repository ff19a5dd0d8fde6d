import { CLOSE } from "@belay/protocol";
import type { ClientConnection, Services } from "../handlers/services.ts";
import { hookClientOf } from "../hooks/hook-client.ts";
import type { RefreshAnswer } from "../hooks/hooks.ts";
import type { Identity } from "../session/session.ts";
import { EXPIRY_GRACE_SECONDS } from "../session/expiry.ts";
import type { Subscription } from "../subscription/subscription.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

/**
 * Ends what nobody renews: a connection with its token (AUT4), a subscription with its own. Where the application renews by a
 * hook it is asked at the end itself; else the client has the grace time to bring a new token.
 */
export class ExpiryWatch {
  readonly #connection: ClientConnection;
  readonly #wheel: TimerWheel;
  readonly #services: Services;
  readonly #timer: WheelTimer;
  readonly #subscriptions = new Map<Subscription, WheelTimer>();

  constructor(connection: ClientConnection, wheel: TimerWheel, services: Services) {
    this.#connection = connection;
    this.#wheel = wheel;
    this.#services = services;
    this.#timer = new WheelTimer(() => void this.#onConnectionDue());
  }

  /** Sets or moves the end, seconds since 1970; undefined takes it away. */
  watchConnection(expiresAt: number | undefined): void {
    this.#wheel.cancel(this.#timer);
    if (expiresAt !== undefined) this.#schedule(this.#timer, expiresAt, this.#services.hooks.has.refresh);
  }

  watchSubscription(subscription: Subscription): void {
    this.#forget(subscription);
    if (subscription.expiresAt === undefined) return;
    const timer = new WheelTimer(() => void this.#onSubscriptionDue(subscription));
    this.#subscriptions.set(subscription, timer);
    this.#schedule(timer, subscription.expiresAt, this.#isRenewedByHook(subscription));
  }

  stop(): void {
    this.#wheel.cancel(this.#timer);
    for (const timer of this.#subscriptions.values()) this.#wheel.cancel(timer);
    this.#subscriptions.clear();
  }

  #schedule(timer: WheelTimer, expiresAt: number, isRenewedByHook: boolean): void {
    const { clock } = this.#services;
    const endSeconds = expiresAt + (isRenewedByHook ? 0 : EXPIRY_GRACE_SECONDS);
    this.#wheel.schedule(timer, clock.nowMs() + Math.max(0, endSeconds * 1000 - clock.date().getTime()));
  }

  #forget(subscription: Subscription): void {
    const timer = this.#subscriptions.get(subscription);
    if (timer !== undefined) this.#wheel.cancel(timer);
    this.#subscriptions.delete(subscription);
  }

  #isRenewedByHook({ namespace }: Subscription): boolean {
    return namespace.hooks.subRefresh && this.#services.hooks.has.subRefresh;
  }

  async #onConnectionDue(): Promise<void> {
    const { hooks } = this.#services;
    const connection = this.#connection;
    const { identity } = connection;
    if (!hooks.has.refresh || identity === undefined) return connection.close(CLOSE.expired);
    const answer = await hooks.refresh(hookClientOf(connection, identity));
    if (!connection.isOpen) return;
    if (!answer.ok) return connection.close("close" in answer ? answer.close : CLOSE.expired);
    if (answer.isExpired) return connection.close(CLOSE.expired);
    connection.renew(renewed(identity, answer));
  }

  async #onSubscriptionDue(subscription: Subscription): Promise<void> {
    this.#subscriptions.delete(subscription);
    if (subscription.state !== "active") return;
    const connection = this.#connection;
    const { identity } = connection;
    const { channel } = subscription;
    if (!this.#isRenewedByHook(subscription) || identity === undefined) {
      return connection.endSubscription(channel, "expired");
    }
    const answer = await this.#services.hooks.subRefresh(hookClientOf(connection, identity), channel);
    if (subscription.state !== "active") return;
    if (!answer.ok && "close" in answer) return connection.close(answer.close);
    if (!answer.ok || answer.isExpired) return connection.endSubscription(channel, "expired");
    subscription.expiresAt = answer.expiresAt;
    this.watchSubscription(subscription);
  }
}

/** What the application does not say stays; only the end is always its word. */
function renewed(
  { expiresAt: _over, ...kept }: Identity,
  { expiresAt, info, meta, caps }: Extract<RefreshAnswer, { ok: true }>,
): Identity {
  return {
    ...kept,
    ...(info !== undefined && { connInfo: info }),
    ...(meta !== undefined && { meta }),
    ...(caps !== undefined && { caps }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
