import assert from "node:assert/strict";
import { SeededChance } from "@belay/testkit";
import { HandoverClient, type HandoverCounts } from "./handover-client.ts";
import { CHANNELS, type ModelOrder, type ModelPod } from "./handover-parts.ts";
import { HandoverWorld } from "./handover-world.ts";

const STEPS = 400;

/** One life of a client among three pods, and everything that can happen to it. */
export class HandoverRun {
  readonly #world: HandoverWorld;
  readonly #client: HandoverClient;
  /** The client whose subscription the server ended. */
  #unsubscribed = "";

  constructor(seed: number, counts: HandoverCounts) {
    this.#world = new HandoverWorld(new SeededChance(seed));
    this.#client = new HandoverClient(this.#world, counts);
  }

  run(): void {
    for (let step = 0; step < STEPS; step += 1) this.#takeStep();
    this.#world.settle();
    for (const channel of CHANNELS) this.#world.publish(channel);
    this.#world.settle();
    this.#world.renewMembers();
    this.#world.expireMembers();
    this.#expectOneOwner();
    this.#expectPresence();
    this.#expectChannels();
  }

  #takeStep(): void {
    const { chance } = this.#world;
    const kind = chance.below(100);
    if (kind < 82) this.#world.tick();
    else if (kind < 93) this.#world.publish(chance.pick(CHANNELS));
    else if (kind < 95) this.#askToMove();
    else this.#disturb(chance.below(60));
  }

  #askToMove(): void {
    for (const pod of this.#world.alive) for (const connection of pod.connections) connection.goaway();
  }

  #disturb(kind: number): void {
    const { chance } = this.#world;
    if (kind < 14) this.#client.cut(chance.pick(["main", "second"]));
    else if (kind < 16 && this.#world.alive.length > 1) this.#world.kill(chance.pick(this.#world.alive));
    else if (kind < 18) this.#unsubscribe();
    else if (kind < 19) this.#revoke();
    else if (kind < 20) this.#order("disconnect");
    else this.#world.renewMembers();
  }

  #unsubscribe(): void {
    const { id } = this.#client;
    if (this.#world.podsOf(id).length > 0) this.#unsubscribed = id;
    this.#order("plain");
  }

  #order(order: ModelOrder): void {
    const { id } = this.#client;
    if (order === "disconnect") this.#world.wasSentAway = true;
    for (const pod of this.#world.podsOf(id)) this.#world.send(pod, () => obey(pod, id, order));
  }

  #revoke(): void {
    this.#world.wasSentAway = true;
    for (const pod of this.#world.pods) {
      this.#world.later(pod, () => {
        pod.knowsRevocation = true;
        for (const connection of pod.connections) if (connection.client !== "") connection.close(true);
      });
    }
  }

  #expectOneOwner(): void {
    const owners = this.#world.alive.flatMap((pod) =>
      [...pod.connections].filter(({ departure }) => departure?.state.state === "here"),
    );
    const { registry } = this.#world;
    if (this.#client.isStopped) {
      assert.equal(owners.length, 0, "nobody has a client that was sent away");
      assert.equal(registry.size, 0, "nor an entry of it");
      return;
    }
    assert.equal(owners.length, 1, "one connection has the client");
    const [owner] = owners;
    assert(owner?.isOpen === true && owner.isOwner && owner.link === this.#client.main, "it is the client's");
    assert.deepEqual([...registry.keys()], [this.#client.id], "one entry");
    assert.equal(registry.get(this.#client.id)?.pod, owner.pod, "of the pod that has it");
    assert.equal(registry.get(this.#client.id)?.generation, owner.generation, "as that pod knows it");
    assert.equal(registry.get(this.#client.id)?.next, undefined, "and nobody waits for it");
  }

  #expectPresence(): void {
    const { presence, joins, leaves, hasPodDied, wasSentAway, pods } = this.#world;
    const present = this.#client.isStopped ? [] : [this.#client.id];
    assert.deepEqual([...presence.keys()], present, "whoever is there is in presence, and nobody else");
    if (hasPodDied) return;
    for (const [client, count] of joins) {
      const left = leaves.get(client) ?? 0;
      assert.equal(count, 1, `${client} came once`);
      assert(
        present.includes(client) ? left === 0 : left === 1 || (left > 1 && wasSentAway),
        `${client} left when it left`,
      );
    }
    for (const { members } of pods)
      for (const client of members) assert(present.includes(client), "no ghost is renewed");
  }

  #expectChannels(): void {
    if (this.#client.isStopped) return;
    assert(this.#client.subscribed.has("kept"));
    for (const channel of this.#client.subscribed)
      assert.equal(this.#client.shown[channel], this.#world.top(channel), `everything of ${channel} was shown`);
    const isStillThere = this.#client.subscribed.has("plain") && this.#unsubscribed === this.#client.id;
    assert(!isStillThere || this.#world.hasPodDied, "what the server ended does not come back");
  }
}

function obey(pod: ModelPod, client: string, order: ModelOrder): void {
  for (const connection of pod.connections) {
    if (connection.client === client) connection.obey(order);
    else if (connection.client === "") connection.arrival?.hold(client, order);
  }
}
