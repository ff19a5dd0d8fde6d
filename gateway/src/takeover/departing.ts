import { setTimeout as delay } from "node:timers/promises";
import { CLOSE } from "@belay/protocol";
import type { ClientConnection, Services } from "../handlers/services.ts";
import type { Ownership, RegistryEntry } from "../registry/registry.ts";
import {
  depart,
  type Departure,
  type DepartureEffect,
  type DepartureEvent,
  HERE,
  type SocketEnd,
} from "../session/handover.ts";
import type { KeptOrder, Leaving, SessionOffer } from "../session/movable.ts";
import type { Identity } from "../session/session.ts";
import { closeIfLost } from "./half-open.ts";
import { giveUpPlace, handOverPlace, type KeptPlace, readPlace, takePlace } from "./kept-place.ts";
import { ORDER } from "./messages.ts";
import { isSameSecret } from "./secret.ts";
import type { Snapshot } from "./snapshot.ts";

/** How long a goaway's secret counts. */
const OFFER_MS = 60_000;
const RETRY_MS = 1_000;
/** What a client that moved gets to close its old socket. */
const LINGER_MS = 5_000;
/** Orders that were sent before the registry told of the new owner come within this time. */
const TOMBSTONE_MS = 30_000;
/** Longest wait for subscriptions that are being opened: less than the other pod waits for the answer. */
const SETTLE_MS = 1_500;
/** Longest wait for the registry's entry to be written. */
const WRITTEN_MS = 1_000;

export interface DepartingParts {
  readonly services: Services;
  readonly connection: ClientConnection;
  readonly session: string;
  readonly newSecret: () => string;
  /** 0: a lost socket ends the connection. */
  readonly resumeMs: () => number;
  readonly takeMs: number;
  readonly onChange: (departing: Departing) => void;
  readonly carryOut: (connection: ClientConnection, order: KeptOrder) => void;
}

/** Somebody who shows a secret. */
export interface Taker {
  readonly secret: string;
  /** Names the attempt. */
  readonly takeover: string;
  readonly podUid: string;
}

/** The end of a connection that may leave: carries out what `depart` decides. */
export class Departing implements Leaving {
  readonly resume: SessionOffer & { readonly resumeMs: number };
  readonly #parts: DepartingParts;
  #state: Departure = HERE;
  #resumeSecret: string | undefined;
  #offer: { readonly secret: string; readonly untilMs: number } | undefined;
  #taking: { readonly taker: Taker; readonly from: Ownership } | undefined;
  #place: KeptPlace | undefined;
  #orders: KeptOrder[] = [];
  #hasLetGo = false;
  #timer: NodeJS.Timeout | undefined;
  #identity: Identity | undefined;

  readonly #actions: Readonly<Record<Exclude<DepartureEffect, object>, () => void>> = {
    give: () => this.#parts.connection.freeze(),
    refuse: () => undefined,
    thaw: () => this.#thaw(),
    hold: () => {
      this.#place = this.#identity && takePlace(this.#parts.connection, this.#identity);
    },
    remove: () => this.#remove(),
    letGo: () => this.#letGo(),
    reclaim: () => void this.#reclaim(),
    closeSocket: () => this.#parts.connection.close(CLOSE.supersededOwner),
  };

  constructor(parts: DepartingParts) {
    this.#parts = parts;
    this.#resumeSecret = parts.newSecret();
    this.resume = { session: parts.session, secret: this.#resumeSecret, resumeMs: parts.resumeMs() };
  }

  get isMoved(): boolean {
    return this.#hasLetGo;
  }

  /** Nothing will be asked of it any more. */
  get isOver(): boolean {
    return this.#state.state === "ended";
  }

  /** There is no socket, and the place is kept. */
  get isKept(): boolean {
    return this.#place !== undefined && this.#state.state !== "released" && this.#state.state !== "ended";
  }

  /** There is no socket, and orders may still come. */
  get isAway(): boolean {
    const { state } = this.#state;
    return (
      state === "held" ||
      ((state === "taken" || state === "reclaiming" || state === "released") && this.#state.link !== "open")
    );
  }

  get entry(): RegistryEntry {
    const { user = "", client = "" } = this.identity ?? {};
    return { user, client };
  }

  get identity(): Identity | undefined {
    return this.#parts.connection.identity ?? this.#identity;
  }

  offer(): SessionOffer | undefined {
    const { services, session, newSecret, connection } = this.#parts;
    if (this.#state.state !== "here" || connection.arrival?.isOwner === false) return undefined;
    this.#offer = { secret: newSecret(), untilMs: services.clock.nowMs() + OFFER_MS };
    this.#step({ kind: "offer" });
    return { session, secret: this.#offer.secret };
  }

  withdraw(): void {
    this.#offer = undefined;
    this.#step({ kind: "withdraw" });
  }

  /** What the other pod needs to know; undefined where it may not have the client. */
  async take(taker: Taker): Promise<Snapshot | undefined> {
    await this.#learnOfLoss(taker);
    const from = await this.#ownership();
    if (from === undefined) return undefined;
    this.#step({ kind: "presented", secret: this.#spend(taker.secret), takeover: taker.takeover });
    if (!this.#isTakenBy(taker)) return undefined;
    this.#taking = { taker, from };
    for (const order of this.#orders) this.#forward(order);
    if (!(await this.#isSettled())) this.#step({ kind: "aborted", takeover: taker.takeover });
    return this.#isTakenBy(taker) ? this.#snapshot(from) : undefined;
  }

  /** Its client may know before this pod does. */
  async #learnOfLoss({ secret }: Taker): Promise<void> {
    const { connection } = this.#parts;
    const saysLost = this.#state.state === "here" && isSameSecret(secret, this.#resumeSecret);
    if (saysLost && connection.isOpen) await closeIfLost(connection);
  }

  async #ownership(): Promise<Ownership | undefined> {
    const { registry } = this.#parts.services;
    if (registry.transfers.ownership(this.entry) === undefined) await registry.flush(WRITTEN_MS);
    return registry.transfers.ownership(this.entry);
  }

  committed(takeover: string): void {
    this.#step({ kind: "committed", takeover });
  }

  aborted(takeover: string): void {
    this.#step({ kind: "aborted", takeover });
  }

  end(how: SocketEnd): boolean {
    // Once it is closed the connection has none any more.
    this.#identity ??= this.#parts.connection.identity;
    const mayResume = this.#identity !== undefined && this.#parts.resumeMs() > 0;
    this.#step({ kind: "ended", how, mayResume });
    return this.#state.state !== "ended";
  }

  keep(order: KeptOrder): boolean {
    const { state } = this.#state;
    if (state === "here" || state === "ended") return false;
    if (state !== "released") this.#orders.push(order);
    if (state !== "held") this.#forward(order);
    return true;
  }

  supersede(): void {
    this.#step({ kind: "superseded" });
  }

  /** A secret counts once, whatever comes of it. */
  #spend(secret: string): "offer" | "resume" | "unknown" {
    const isOffer = isSameSecret(secret, this.#offer?.secret);
    const isResume = isSameSecret(secret, this.#resumeSecret);
    if (isOffer && (this.#offer?.untilMs ?? 0) > this.#parts.services.clock.nowMs()) {
      this.#offer = undefined;
      return "offer";
    }
    if (!isResume || this.#state.state !== "held") return "unknown";
    this.#resumeSecret = undefined;
    return "resume";
  }

  #isTakenBy({ takeover }: Taker): boolean {
    return this.#state.state === "taken" && this.#state.takeover === takeover;
  }

  /** What is being opened is told to the client here first. False where that takes longer than the other pod waits. */
  async #isSettled(): Promise<boolean> {
    const { connection } = this.#parts;
    const opening = [...connection.subscriptions.values()].filter(({ state }) => state === "opening");
    if (opening.length === 0) return true;
    const opened = Promise.all(opening.map(({ channel }) => connection.runForChannel(channel, () => undefined)));
    return Promise.race([opened.then(() => true), delay(SETTLE_MS, false, { ref: false })]);
  }

  #snapshot(from: Ownership): Snapshot | undefined {
    const { connection } = this.#parts;
    const { identity } = connection;
    const place = this.#place ?? (identity && readPlace(connection, identity));
    return place && { ...place, from, isResumed: this.#place !== undefined };
  }

  #forward({ kind, body }: KeptOrder): void {
    if (this.#taking === undefined) return;
    const { podUid, takeover } = this.#taking.taker;
    // A pod that cannot be told now has lost Redis, and will be closed or come back here.
    this.#parts.services.bus.tell(podUid, ORDER, { takeover, kind, body }).catch(() => undefined);
  }

  #step(event: DepartureEvent): void {
    const { state, effects } = depart(this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#do(effect);
    this.#parts.onChange(this);
  }

  #do(effect: DepartureEffect): void {
    if (typeof effect === "object") this.#setTimer(effect.timer);
    else this.#actions[effect]();
  }

  #thaw(): void {
    const { connection, carryOut } = this.#parts;
    const orders = this.#orders;
    this.#orders = [];
    for (const order of orders) carryOut(connection, order);
    connection.thaw();
  }

  /** Where there is a socket its connection removes what is its own when it ends. */
  #remove(): void {
    const { services } = this.#parts;
    if (this.#place === undefined) return;
    services.registry.remove(this.entry);
    giveUpPlace(this.#place, services);
  }

  #letGo(): void {
    this.#hasLetGo = true;
    const { services, connection } = this.#parts;
    const { identity } = connection;
    const place = this.#place ?? (identity && takePlace(connection, identity));
    if (this.#taking !== undefined) services.registry.transfers.letGo(this.entry, this.#taking.from);
    else services.registry.remove(this.entry);
    if (place === undefined) return;
    // On this pod the other end's members have replaced these, or will.
    if (this.#taking?.taker.podUid !== services.nodeId) handOverPlace(place, services);
    this.#place = place;
  }

  async #reclaim(): Promise<void> {
    const { registry } = this.#parts.services;
    const outcomes = { kept: "mine", lost: "another's", gone: "gone" } as const;
    try {
      const kept =
        this.#taking === undefined ? "kept" : await registry.transfers.reclaim(this.entry, this.#taking.from);
      // It ended meanwhile, and what was removed has been written again.
      if (kept === "kept" && this.#state.state === "ended") registry.remove(this.entry);
      this.#step({ kind: "reclaimed", outcome: outcomes[kept] });
    } catch {
      // Redis is away: asked again until it is known.
      this.#step({ kind: "reclaimed", outcome: "unknown" });
    }
  }

  #setTimer(name: "take" | "hold" | "retry" | "linger" | "tombstone" | "none"): void {
    clearTimeout(this.#timer);
    if (name === "none") return;
    const { takeMs, resumeMs } = this.#parts;
    const delays = {
      take: takeMs,
      hold: resumeMs(),
      retry: RETRY_MS,
      linger: LINGER_MS,
      tombstone: TOMBSTONE_MS,
    } as const;
    // None of them is worth keeping a process for that ends.
    this.#timer = setTimeout(() => this.#step({ kind: "overdue" }), delays[name]).unref();
  }

  /** The pod ends: nothing is kept for anybody. */
  stop(): void {
    if (this.#state.state === "held") this.#step({ kind: "overdue" });
    clearTimeout(this.#timer);
  }
}
