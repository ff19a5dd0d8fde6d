import { Counter, Gauge, type Registry } from "prom-client";

/** What happens in inboxes. */
export class InboxMetrics {
  readonly #sent: Counter<"outcome">;
  readonly #delivered: Counter;
  readonly #removed: Counter<"reason">;
  readonly #nudges: Counter;

  constructor(registry: Registry, open: () => number) {
    const registers = [registry];
    this.#sent = new Counter({
      name: "belay_gateway_inbox_sent_total",
      help: "Messages for inboxes: stored, or a repeat of one that was.",
      labelNames: ["outcome"],
      registers,
    });
    this.#delivered = new Counter({
      name: "belay_gateway_inbox_delivered_total",
      help: "Messages of inboxes handed to connections; redelivered ones count again.",
      registers,
    });
    this.#removed = new Counter({
      name: "belay_gateway_inbox_removed_total",
      help: "Messages that left an inbox: acknowledged by every group, or dropped by size or ttl. Those of an inbox that ended as a whole are not seen.",
      labelNames: ["reason"],
      registers,
    });
    this.#nudges = new Counter({
      name: "belay_gateway_inbox_nudges_total",
      help: "Times that this node was told of something new in the inbox of a user whom it owns connections of.",
      registers,
    });
    const gauge: Gauge = new Gauge({
      name: "belay_gateway_inboxes_open",
      help: "Users with an open inbox here.",
      collect: () => gauge.set(open()),
      registers: [],
    });
    registry.registerMetric(gauge);
  }

  onSent(isRepeat: boolean): void {
    this.#sent.inc({ outcome: isRepeat ? "repeat" : "stored" });
  }

  onDelivered(): void {
    this.#delivered.inc();
  }

  onRemoved(reason: "ack" | "size" | "ttl", count: number): void {
    this.#removed.inc({ reason }, count);
  }

  onNudge(): void {
    this.#nudges.inc();
  }
}
