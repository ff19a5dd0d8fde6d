import type { Registry } from "../registry/registry.ts";
import type { DisconnectOrder, RefreshOrder, SubscribeOrder, UnsubscribeOrder } from "./client-orders.ts";
import type { NodeBus } from "./node-bus.ts";

/** Tells the nodes that hold a user's connections what to do with them. Each resolves once told, and rejects with BrokerUnavailableError. */
export class ClientControl {
  readonly #bus: NodeBus;
  readonly #registry: Pick<Registry, "podsOf">;

  constructor(bus: NodeBus, registry: Pick<Registry, "podsOf">) {
    this.#bus = bus;
    this.#registry = registry;
  }

  disconnect(order: DisconnectOrder): Promise<void> {
    return this.#tell("disconnect", order);
  }

  subscribe(order: SubscribeOrder): Promise<void> {
    return this.#tell("subscribe", order);
  }

  unsubscribe(order: UnsubscribeOrder): Promise<void> {
    return this.#tell("unsubscribe", order);
  }

  /** Each node forgets what it keeps of the channel for clients that come back. */
  historyRemoved(channel: string): Promise<void> {
    return this.#bus.tell("all", "historyRemoved", { channel });
  }

  refresh(order: RefreshOrder): Promise<void> {
    return this.#tell("refresh", order);
  }

  async #tell(kind: string, order: { readonly user: string }): Promise<void> {
    const { podUids, mayBeOthers } = await this.#registry.podsOf(order.user);
    const told = podUids.map((podUid) => this.#bus.tell(podUid, kind, order));
    if (mayBeOthers) told.push(this.#bus.tell("all", kind, order, podUids));
    await Promise.all(told);
  }
}
