/** The medium of the handover model: pods, their messages, the registry and the channels, all of it late, doubled and out of order. */
import type { SeededChance } from "@belay/testkit";
import { type Channel, type ModelOwnership, ModelPod } from "./handover-parts.ts";

/** As the registry's scripts leave it; a pod has one lease in its life. */
interface Entry {
  readonly pod: ModelPod;
  readonly generation: number;
  readonly next: ModelPod | undefined;
}

interface Task {
  readonly pod: ModelPod | undefined;
  readonly run: () => void;
}

interface Timer extends Task {
  readonly isLong: boolean;
}

export class HandoverWorld {
  readonly chance: SeededChance;
  readonly pods: readonly ModelPod[] = ["a", "b", "c"].map((name) => new ModelPod(name));
  readonly registry = new Map<string, Entry>();
  /** Client → the pod that wrote its member last. */
  readonly presence = new Map<string, ModelPod>();
  readonly joins = new Map<string, number>();
  readonly leaves = new Map<string, number>();
  readonly tops: Record<Channel, number> = { kept: 0, plain: 0 };
  /** Both ends may tell others that a client left that was sent away in between, or went before the other end knew. */
  wasSentAway = false;
  hasPodDied = false;
  #tasks: Task[] = [];
  readonly #timers = new Map<object, Timer>();
  #clients = 0;

  constructor(chance: SeededChance) {
    this.chance = chance;
  }

  get alive(): readonly ModelPod[] {
    return this.pods.filter(({ isAlive }) => isAlive);
  }

  newClientId(): string {
    return `client-${(this.#clients += 1)}`;
  }

  /** True about once in `n`. */
  oneIn(n: number): boolean {
    return this.chance.below(n) === 0;
  }

  /** Some time later, in any order; not where the pod is dead by then. */
  later(pod: ModelPod | undefined, run: () => void): void {
    this.#tasks.push({ pod, run });
  }

  /** A message between pods: sometimes it comes twice. */
  send(to: ModelPod, run: () => void): void {
    this.later(to, run);
    if (this.oneIn(8)) this.later(to, run);
  }

  /** @param isLong longer than anything is on its way */
  setTimer(owner: object, pod: ModelPod, run: () => void, isLong = false): void {
    this.#timers.set(owner, { pod, run, isLong });
  }

  clearTimer(owner: object): void {
    this.#timers.delete(owner);
  }

  /** A step of the registry: made or not, and answered or not. */
  ask<R>(pod: ModelPod, step: () => R, done: (outcome: R | "unknown") => void): void {
    this.later(pod, () => {
      const isMade = !this.oneIn(40);
      const reply = isMade ? step() : undefined;
      const isTold = reply !== undefined && !this.oneIn(40);
      this.later(pod, () => done(isTold ? reply : "unknown"));
    });
  }

  tick(): void {
    if (this.oneIn(120)) this.#fireTimer();
    else this.#runTask();
  }

  /** Until nothing is on its way and no timer is left. */
  settle(): void {
    for (let turns = 0; this.#tasks.length > 0 || this.#timers.size > 0; turns += 1) {
      if (turns > 100_000) throw new Error("it does not come to rest");
      if (this.#tasks.length > 0 && !this.oneIn(100)) this.#runTask();
      else this.#fireTimer();
    }
  }

  #runTask(): void {
    if (this.#tasks.length === 0) return;
    const [task] = this.#tasks.splice(this.chance.below(this.#tasks.length), 1);
    if (task?.pod?.isAlive !== false) task?.run();
  }

  #fireTimer(): void {
    const isQuiet = this.#tasks.length === 0;
    const owners = [...this.#timers].flatMap(([owner, { isLong }]) => (isLong && !isQuiet ? [] : [owner]));
    if (owners.length === 0) return;
    const owner = this.chance.pick(owners);
    const timer = this.#timers.get(owner);
    this.#timers.delete(owner);
    if (timer?.pod?.isAlive !== false) timer?.run();
  }

  top(channel: Channel): number {
    return this.tops[channel];
  }

  publish(channel: Channel): void {
    this.tops[channel] += 1;
    const offset = this.tops[channel];
    for (const pod of this.alive) for (const connection of pod.connections) connection.hear(channel, offset);
  }

  kill(pod: ModelPod): void {
    pod.isAlive = false;
    this.hasPodDied = true;
    for (const { link } of pod.connections) link.breakFromPod();
    this.later(undefined, () => this.#sweep(pod));
  }

  #sweep(pod: ModelPod): void {
    for (const [client, entry] of this.registry) if (entry.pod === pod) this.registry.delete(client);
    for (const [client, owner] of this.presence) {
      if (owner !== pod) continue;
      this.presence.delete(client);
      this.leave(client);
    }
  }

  join(client: string): void {
    this.joins.set(client, (this.joins.get(client) ?? 0) + 1);
  }

  leave(client: string): void {
    this.leaves.set(client, (this.leaves.get(client) ?? 0) + 1);
  }

  /** Pods that an order for the client goes to. */
  podsOf(client: string): readonly ModelPod[] {
    const { pod, next } = this.registry.get(client) ?? {};
    return [pod, next].filter((one) => one !== undefined);
  }

  reserve(client: string, from: ModelOwnership, pod: ModelPod): boolean {
    const entry = this.registry.get(client);
    if (!isHeldAs(entry, from)) return false;
    this.registry.set(client, { ...from, next: pod });
    return true;
  }

  commit(client: string, from: ModelOwnership, pod: ModelPod): "taken" | "added" | "lost" {
    const entry = this.registry.get(client);
    if (entry?.pod === pod && entry.generation === from.generation + 1) return "taken";
    // What the former owner removed itself is over; what was removed because it died is not.
    const isMine = entry === undefined ? !from.pod.isAlive : isHeldAs(entry, from) && entry.next === pod;
    if (!isMine) return "lost";
    this.registry.set(client, { pod, generation: from.generation + 1, next: undefined });
    return entry === undefined ? "added" : "taken";
  }

  release(client: string, from: ModelOwnership, pod: ModelPod): void {
    const entry = this.registry.get(client);
    if (isHeldAs(entry, from) && entry?.next === pod) this.registry.set(client, { ...from, next: undefined });
  }

  reclaim(client: string, own: ModelOwnership): "mine" | "another's" | "gone" {
    const { pod, generation } = own;
    const entry = this.registry.get(client);
    if (entry === undefined) {
      this.wasSentAway = true;
      return "gone";
    }
    if (isHeldAs(entry, { pod, generation: generation + 2 })) return "mine";
    if (!isHeldAs(entry, own)) return "another's";
    this.registry.set(client, { pod, generation: generation + 2, next: undefined });
    return "mine";
  }

  removeEntry(client: string, pod: ModelPod): void {
    if (this.registry.get(client)?.pod === pod) this.registry.delete(client);
  }

  /** What another pod wrote stays. */
  removeMember(client: string, pod: ModelPod): void {
    pod.members.delete(client);
    if (this.presence.get(client) === pod) this.presence.delete(client);
  }

  addMember(client: string, pod: ModelPod): void {
    pod.members.add(client);
    this.presence.set(client, pod);
  }

  /** Members that nobody adds again are forgotten. */
  expireMembers(): void {
    for (const [client, pod] of this.presence) if (!pod.members.has(client)) this.presence.delete(client);
  }

  /** Members are added again now and then. */
  renewMembers(): void {
    for (const pod of this.alive) for (const client of pod.members) this.presence.set(client, pod);
  }
}

function isHeldAs(entry: Entry | undefined, { pod, generation }: ModelOwnership): boolean {
  return entry?.pod === pod && entry.generation === generation;
}
