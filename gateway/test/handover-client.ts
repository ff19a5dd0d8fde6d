import assert from "node:assert/strict";
import { type LinkClient, ModelLink } from "./handover-link.ts";
import { type Channel, CHANNELS, type FromPod, type ModelPod, type SessionSecret } from "./handover-parts.ts";
import { ModelConnection } from "./handover-pod.ts";
import type { HandoverWorld } from "./handover-world.ts";

type Connected = Extract<FromPod, { readonly kind: "connected" }>;

/** How often the promises of the model were needed. */
export interface HandoverCounts {
  moved: number;
  stayed: number;
  resumed: number;
  fresh: number;
  told: number;
}

/**
 * What an SDK does, and what it must never see: a hole that nobody told it of. It shows each publication once, and fills holes of the
 * channel with a history from there.
 */
export class HandoverClient implements LinkClient {
  readonly #world: HandoverWorld;
  readonly #counts: HandoverCounts;
  readonly shown: Record<Channel, number> = { kept: 0, plain: 0 };
  readonly subscribed = new Set<Channel>(CHANNELS);
  id = "";
  /** Sent away for good. */
  isStopped = false;
  #main: ModelLink | undefined;
  #resume: SessionSecret | undefined;
  #second: ModelLink | undefined;
  #secondResume: SessionSecret | undefined;
  #phase: "steady" | "arriving" | "barrier" | "moving" = "steady";
  #places: Connected["places"] = {};
  #buffer: (readonly [Channel, number])[] = [];

  constructor(world: HandoverWorld, counts: HandoverCounts) {
    this.#world = world;
    this.#counts = counts;
    this.#reconnect(undefined);
  }

  get main(): ModelLink | undefined {
    return this.#main;
  }

  cut(which: "main" | "second"): void {
    (which === "main" ? this.#main : this.#second)?.cut();
  }

  onMessage(link: ModelLink, message: FromPod): void {
    if (link !== this.#main && link !== this.#second) return;
    const isSecond = link === this.#second;
    if (message.kind === "publication") this.#publication(isSecond, message.channel, message.offset);
    else if (message.kind === "unsubscribed") this.subscribed.delete(message.channel);
    else if (message.kind === "closed") {
      this.isStopped ||= message.isFinal;
      this.#ended(isSecond);
    } else this.#onStep(isSecond, message);
  }

  #onStep(
    isSecond: boolean,
    message: Extract<FromPod, { readonly kind: "connected" | "goaway" | "barrier" | "moved" }>,
  ): void {
    switch (message.kind) {
      case "connected":
        return isSecond ? this.#arrived(message) : this.#connected(message);
      case "goaway":
        return this.#goaway(message.offer);
      case "barrier":
        return this.#barrierReached(message.behind);
      case "moved":
        return this.#movedAnswered(message.isDone);
    }
  }

  onLost(link: ModelLink): void {
    if (link === this.#main) this.#ended(false);
    else if (link === this.#second) this.#ended(true);
  }

  #open(pod: ModelPod, continued: SessionSecret | undefined): ModelLink {
    const link = new ModelLink(this.#world, pod, this);
    ModelConnection.accept(this.#world, link);
    const positions = { ...this.shown };
    link.toPod({ kind: "connect", continued, positions, channels: [...this.subscribed] });
    return link;
  }

  #reconnect(resume: SessionSecret | undefined): void {
    this.#second = undefined;
    this.#buffer = [];
    this.#phase = "steady";
    this.#main = undefined;
    if (this.isStopped) return;
    this.#main = this.#open(this.#world.chance.pick(this.#world.alive), resume);
  }

  #connected({ client, places, isMoved, resume }: Connected): void {
    assert(!isMoved || client === this.id, "a continued connection keeps its id");
    this.#counts[isMoved ? "resumed" : "fresh"] += 1;
    this.id = client;
    this.#resume = resume;
    // The server ended what is missing, and could not say so.
    for (const channel of CHANNELS) if (places[channel] === undefined) this.subscribed.delete(channel);
    for (const channel of CHANNELS) this.#jump(channel, places[channel]);
  }

  #goaway(offer: SessionSecret): void {
    const others = this.#world.alive.filter((pod) => pod !== this.#main?.pod);
    if (this.#phase !== "steady" || others.length === 0) return;
    this.#phase = "arriving";
    this.#second = this.#open(this.#world.chance.pick(others), offer);
  }

  #arrived({ client, places, isMoved, resume }: Connected): void {
    // It was refused: the old connection is better than a new one.
    if (!isMoved) return this.#stay();
    assert.equal(client, this.id, "a handover keeps the id");
    this.#places = places;
    this.#secondResume = resume;
    this.#phase = "barrier";
    if (this.#main?.isOpen === true) this.#main.toPod({ kind: "barrier", places });
    else this.#barrierReached(CHANNELS);
  }

  #barrierReached(behind: readonly Channel[]): void {
    if (this.#phase !== "barrier") return;
    for (const channel of CHANNELS) {
      const place = this.#places[channel];
      const isReached = place === undefined || this.shown[channel] >= place || !this.subscribed.has(channel);
      assert(isReached || behind.includes(channel), `the barrier stands behind everything in ${channel}`);
      this.#jump(channel, place);
      if (place === undefined) this.subscribed.delete(channel);
    }
    this.#phase = "moving";
    for (const [channel, offset] of this.#buffer.splice(0)) this.#show(channel, offset);
    this.#second?.toPod({ kind: "moved" });
  }

  #movedAnswered(isDone: boolean): void {
    if (this.#phase !== "moving") return;
    if (!isDone) return this.#stay();
    this.#counts.moved += 1;
    this.#main?.toPod({ kind: "close" });
    this.#main = this.#second;
    this.#resume = this.#secondResume;
    this.#second = undefined;
    this.#phase = "steady";
  }

  /** On the old connection, if there is one. */
  #stay(): void {
    this.#counts.stayed += 1;
    const wasMoving = this.#phase === "moving";
    this.#second?.toPod({ kind: "close" });
    this.#second = undefined;
    this.#buffer = [];
    this.#phase = "steady";
    if (this.#main?.isOpen !== true) this.#reconnect(wasMoving ? this.#secondResume : this.#resume);
  }

  #ended(isSecond: boolean): void {
    if (isSecond) this.#stay();
    else if (this.#phase === "barrier") this.#barrierReached(CHANNELS);
    else if (this.#phase === "steady") this.#reconnect(this.#resume);
  }

  #publication(isSecond: boolean, channel: Channel, offset: number): void {
    if (isSecond && this.#phase !== "moving") this.#buffer.push([channel, offset]);
    else this.#show(channel, offset);
  }

  #show(channel: Channel, offset: number): void {
    if (offset <= this.shown[channel] || !this.subscribed.has(channel)) return;
    assert.equal(offset, this.shown[channel] + 1, `a hole in ${channel} that nobody told of`);
    this.shown[channel] = offset;
  }

  /** The gateway says that it delivers from here on: what lies between is read from the history, or known to be lost. */
  #jump(channel: Channel, place: number | undefined): void {
    if (place === undefined || place <= this.shown[channel]) return;
    if (channel === "plain") this.#counts.told += 1;
    this.shown[channel] = place;
  }
}
