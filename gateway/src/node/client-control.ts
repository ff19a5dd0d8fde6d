import type { DisconnectOrder, RefreshOrder, SubscribeOrder, UnsubscribeOrder } from "./client-orders.ts";
import type { NodeBus } from "./node-bus.ts";

/** Tells every node what to do with connections of a user. Each resolves once told, and rejects with BrokerUnavailableError. */
export class ClientControl {
  readonly #bus: NodeBus;

  constructor(bus: NodeBus) {
    this.#bus = bus;
  }

  disconnect(order: DisconnectOrder): Promise<void> {
    return this.#bus.tell("all", "disconnect", order);
  }

  subscribe(order: SubscribeOrder): Promise<void> {
    return this.#bus.tell("all", "subscribe", order);
  }

  unsubscribe(order: UnsubscribeOrder): Promise<void> {
    return this.#bus.tell("all", "unsubscribe", order);
  }

  refresh(order: RefreshOrder): Promise<void> {
    return this.#bus.tell("all", "refresh", order);
  }
}
