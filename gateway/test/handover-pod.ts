import { ModelArrival } from "./handover-arrival.ts";
import { ModelDeparture } from "./handover-departure.ts";
import type { ModelLink } from "./handover-link.ts";
import {
  type Channel,
  CHANNELS,
  type FromClient,
  type ModelOrder,
  type ModelPod,
  type ModelSnapshot,
  type PodConnection,
} from "./handover-parts.ts";
import type { HandoverWorld } from "./handover-world.ts";

/** One connection of the handover model on one pod, with whatever ends of handovers it has. */
export class ModelConnection implements PodConnection {
  readonly pod: ModelPod;
  readonly link: ModelLink;
  /** Place up to which each channel was handed out. */
  readonly subscriptions = new Map<Channel, number>();
  client = "";
  generation = 1;
  isOpen = true;
  /** Whatever ends it removes its member and tells others. */
  hasMarks = false;
  departure: ModelDeparture | undefined;
  arrival: ModelArrival | undefined;
  readonly #world: HandoverWorld;
  #connecting: (FromClient & { readonly kind: "connect" }) | undefined;
  #heard: (readonly [Channel, number])[] = [];
  #barrier: Readonly<Partial<Record<Channel, number>>> | undefined;

  static accept(world: HandoverWorld, link: ModelLink): void {
    const connection = new ModelConnection(world, link);
    link.attach(connection);
    link.pod.connections.add(connection);
  }

  private constructor(world: HandoverWorld, link: ModelLink) {
    this.#world = world;
    this.link = link;
    this.pod = link.pod;
  }

  get isOwner(): boolean {
    return this.client !== "" && (this.arrival?.isOwner ?? true);
  }

  onMessage(message: FromClient): void {
    if (!this.isOpen) return;
    if (message.kind === "close") this.end("closed");
    else if (message.kind === "moved") this.arrival?.step({ kind: "moved" });
    else if (message.kind === "barrier") this.#await(message.places);
    else this.#connect(message);
  }

  #connect(message: FromClient & { readonly kind: "connect" }): void {
    this.#connecting = message;
    if (message.continued === undefined) return this.beginFresh();
    this.arrival = new ModelArrival(this.#world, this, message.continued);
    this.arrival.begin();
  }

  beginFresh(): void {
    this.arrival = undefined;
    this.subscriptions.clear();
    if (!this.isOpen) return;
    if (this.pod.knowsRevocation) return this.close(true);
    this.client = this.#world.newClientId();
    this.#world.registry.set(this.client, { pod: this.pod, generation: 1, next: undefined });
    this.#world.addMember(this.client, this.pod);
    this.#world.join(this.client);
    this.hasMarks = true;
    this.departure = new ModelDeparture(this.#world, this);
    this.open(this.#connecting?.channels ?? []);
    this.#reply(false);
  }

  /** From now on everything reaches this pod. */
  open(channels: readonly Channel[]): void {
    for (const channel of channels) this.subscriptions.set(channel, this.#world.top(channel));
  }

  accept({ client, isResumed }: ModelSnapshot): void {
    if (this.pod.knowsRevocation) return this.close(true);
    this.client = client;
    this.departure = new ModelDeparture(this.#world, this);
    this.#reply(true, isResumed);
  }

  /** A history fills what lies between where nothing else does. */
  #reply(isMoved: boolean, isFilled = true): void {
    const places = Object.fromEntries(this.subscriptions) as Partial<Record<Channel, number>>;
    const top = places.kept ?? 0;
    const since = Math.min((isFilled ? this.#connecting?.positions.kept : undefined) ?? top, top);
    if (places.kept !== undefined) places.kept = since;
    const resume = { session: this, secret: this.departure?.resumeSecret ?? {} };
    this.link.toClient({ kind: "connected", client: this.client, places, isMoved, resume });
    for (let offset = since + 1; offset <= top; offset += 1)
      this.link.toClient({ kind: "publication", channel: "kept", offset });
  }

  /** A publication is on its way; in its channel's order. */
  hear(channel: Channel, offset: number): void {
    if (!this.subscriptions.has(channel)) return;
    this.#heard.push([channel, offset]);
    this.#world.later(this.pod, () => this.#deliver());
  }

  #deliver(): void {
    // What came before the reply waits behind it.
    if (this.client === "" && this.isOpen) return this.#world.later(this.pod, () => this.#deliver());
    const [channel, offset] = this.#heard.shift() ?? [];
    if (channel === undefined || offset === undefined || !this.isOpen) return;
    const known = this.subscriptions.get(channel);
    if (known === undefined || offset <= known) return;
    this.subscriptions.set(channel, offset);
    this.link.toClient({ kind: "publication", channel, offset });
    this.#lookAtBarrier();
  }

  #await(places: Readonly<Partial<Record<Channel, number>>>): void {
    this.#barrier = places;
    this.#world.setTimer(this.#heard, this.pod, () => this.#answerBarrier());
    this.#lookAtBarrier();
  }

  #lookAtBarrier(): void {
    if (this.#barrier !== undefined && this.#behind.every((channel) => !this.subscriptions.has(channel)))
      this.#answerBarrier();
  }

  get #behind(): readonly Channel[] {
    return CHANNELS.filter((channel) => (this.#barrier?.[channel] ?? -1) > (this.subscriptions.get(channel) ?? -1));
  }

  #answerBarrier(): void {
    const behind = this.#behind;
    this.#barrier = undefined;
    this.#world.clearTimer(this.#heard);
    if (this.isOpen) this.link.toClient({ kind: "barrier", behind });
  }

  goaway(): void {
    const offer = this.isOpen ? this.departure?.offer() : undefined;
    if (offer !== undefined) this.link.toClient({ kind: "goaway", offer });
  }

  /** An order of the server API, or a disconnect, as it comes to the pod. */
  obey(order: ModelOrder): void {
    const isElsewhere = this.departure?.keep(order) === true;
    if (order === "disconnect") {
      if (this.isOpen) this.close(true);
      else if (this.departure?.isAway === true) this.departure.step({ kind: "ended", how: "ordered", mayResume: true });
    } else if (!isElsewhere && this.isOpen) this.unsubscribe(order);
  }

  unsubscribe(channel: Channel): void {
    if (this.subscriptions.delete(channel)) this.link.toClient({ kind: "unsubscribed", channel });
  }

  /** The pod closes it. */
  close(isFinal: boolean): void {
    if (!this.isOpen) return;
    this.end("ordered");
    this.link.toClient({ kind: "closed", isFinal });
  }

  end(how: "lost" | "closed" | "ordered"): void {
    if (!this.isOpen) return;
    const isOurs = this.arrival === undefined || this.arrival.isOwner;
    this.arrival?.end();
    this.departure?.step({ kind: "ended", how: isOurs ? how : "ordered", mayResume: true });
    this.isOpen = false;
    this.#world.clearTimer(this.#heard);
    if (isOurs && this.departure?.state.state === "ended") this.#leave();
  }

  /** What is its own goes with it. */
  #leave(): void {
    const { client, pod } = this;
    this.#world.later(pod, () => this.#world.removeEntry(client, pod));
    if (!this.hasMarks) return;
    this.hasMarks = false;
    this.#world.removeMember(client, pod);
    this.#world.leave(client);
  }
}
