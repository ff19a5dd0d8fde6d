/** The side of the handover model that a client leaves: the gateway's own reducer, and what it decides done to the model's world. */
import { depart, type Departure, type DepartureEffect, type DepartureEvent, HERE } from "../src/session/handover.ts";
import type {
  Channel,
  ModelOrder,
  ModelOwnership,
  ModelSnapshot,
  ModelTaker,
  PodConnection,
  SessionSecret,
} from "./handover-parts.ts";
import type { HandoverWorld } from "./handover-world.ts";

export class ModelDeparture {
  state: Departure = HERE;
  hasLetGo = false;
  readonly resumeSecret: object = {};
  #isResumeSpent = false;
  #offerSecret: object | undefined;
  #taking: { readonly taker: ModelTaker; readonly from: ModelOwnership } | undefined;
  #kept: readonly Channel[] | undefined;
  #orders: Channel[] = [];
  readonly #world: HandoverWorld;
  readonly #connection: PodConnection;

  constructor(world: HandoverWorld, connection: PodConnection) {
    this.#world = world;
    this.#connection = connection;
  }

  get isAway(): boolean {
    const { state } = this;
    return state.state === "held" || ("link" in state && state.link !== "open");
  }

  offer(): SessionSecret | undefined {
    if (this.state.state !== "here" || !this.#connection.isOwner) return undefined;
    this.#offerSecret = {};
    this.step({ kind: "offer" });
    return { session: this.#connection, secret: this.#offerSecret };
  }

  take(taker: ModelTaker): ModelSnapshot | undefined {
    const { pod, generation, client } = this.#connection;
    const takeover = taker.takeover;
    this.step({ kind: "presented", secret: this.#spend(taker.secret), takeover });
    if (this.state.state !== "taken" || this.state.takeover !== takeover) return undefined;
    this.#taking = { taker, from: { pod, generation } };
    for (const channel of this.#orders) taker.forward(channel);
    const channels = this.#kept ?? [...this.#connection.subscriptions.keys()];
    return { client, from: { pod, generation }, isResumed: this.#kept !== undefined, channels };
  }

  keep(order: ModelOrder): boolean {
    const { state } = this.state;
    if (state === "here" || state === "ended") return false;
    if (state !== "released" && order !== "disconnect") this.#orders.push(order);
    if (state !== "held") this.#taking?.taker.forward(order);
    return true;
  }

  step(event: DepartureEvent): void {
    const { state, effects } = depart(this.state, event);
    this.state = state;
    for (const effect of effects) this.#do(effect);
  }

  #spend(secret: object): "offer" | "resume" | "unknown" {
    if (secret === this.#offerSecret) {
      this.#offerSecret = undefined;
      return "offer";
    }
    if (secret !== this.resumeSecret || this.#isResumeSpent || this.state.state !== "held") return "unknown";
    this.#isResumeSpent = true;
    return "resume";
  }

  #do(effect: DepartureEffect): void {
    if (typeof effect === "object") this.#setTimer(effect.timer);
    else this.#actions[effect]();
  }

  readonly #actions: Readonly<Record<Exclude<DepartureEffect, object>, () => void>> = {
    give: () => undefined,
    refuse: () => undefined,
    thaw: () => {
      for (const channel of this.#orders.splice(0)) this.#connection.unsubscribe(channel);
    },
    hold: () => {
      this.#kept = [...this.#connection.subscriptions.keys()];
      this.#connection.hasMarks = false;
    },
    remove: () => {
      if (this.#kept !== undefined) this.#giveUp();
    },
    letGo: () => {
      this.hasLetGo = true;
      const hadMarks = this.#kept !== undefined || this.#connection.hasMarks;
      this.#connection.hasMarks = false;
      if (!hadMarks) return;
      if (this.#taking?.taker.pod !== this.#connection.pod)
        this.#connection.pod.members.delete(this.#connection.client);
    },
    reclaim: () => this.#reclaim(),
    closeSocket: () => this.#connection.close(false),
  };

  #giveUp(): void {
    const { client, pod } = this.#connection;
    this.#world.later(pod, () => this.#world.removeEntry(client, pod));
    this.#world.removeMember(client, pod);
    this.#world.leave(client);
  }

  #reclaim(): void {
    const { client, pod } = this.#connection;
    const from = this.#taking?.from;
    if (from === undefined) return this.step({ kind: "reclaimed", outcome: "mine" });
    this.#world.ask(
      pod,
      () => this.#world.reclaim(client, from),
      (outcome) => {
        if (outcome === "mine") this.#connection.generation = from.generation + 2;
        this.step({ kind: "reclaimed", outcome });
      },
    );
  }

  #setTimer(name: string): void {
    this.#world.clearTimer(this);
    if (name === "none") return;
    const onDue = (): void => this.step({ kind: "overdue" });
    this.#world.setTimer(this, this.#connection.pod, onDue, name === "tombstone");
  }
}
