import { BrokerUnavailableError } from "../broker/broker.ts";
import { ClusterView } from "./cluster-view.ts";
import { keySlot } from "./key-slot.ts";
import { redirectOf } from "./redirect.ts";
import { type ClusterTopology, nodeOf } from "./redis-topology.ts";
import { ProbedShard, type ProbedShardOptions } from "./probed-shard.ts";
import type { SubscriberConnection, SubscriberOptions } from "./subscriber-connection.ts";

export interface ClusterSubscriberOptions extends SubscriberOptions {
  readonly topology: ClusterTopology;
}

/** Servers that one subscription is sent to before it is given up. */
const MAX_HOPS = 4;
/** Before a channel is tried again on a server that has just refused it. */
const AGAIN_MS = 50;

/** One subscriber connection to each primary of a cluster; a channel is heard where its slot is, and follows it. */
export class ClusterSubscriber implements SubscriberConnection {
  readonly #options: ClusterSubscriberOptions;
  readonly #view: ClusterView;
  readonly #shards = new Map<string, ProbedShard>();
  /** Every wanted channel, with the server that it was given to. */
  readonly #channels = new Map<string, string | undefined>();
  #homeless = 0;
  #isRestored = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClusterSubscriberOptions) {
    this.#options = options;
    this.#view = new ClusterView({ ...options, onChange: () => this.#onTable() });
  }

  get restored(): boolean {
    return this.#isRestored;
  }

  open(): void {
    this.#view.open();
  }

  want(channels: readonly string[]): void {
    for (const channel of channels) this.#assign(channel, undefined);
  }

  async subscribe(channel: string): Promise<void> {
    for (let hop = 0; ; hop += 1) {
      const owner = this.#ownerOf(channel);
      if (owner === undefined) throw new BrokerUnavailableError("no primary holds this channel");
      try {
        await this.#shard(owner).subscribe(channel);
        this.#assign(channel, owner);
        // The slot may have moved while the answer was on its way.
        if (this.#ownerOf(channel) !== owner) this.#place([channel]);
        return;
      } catch (error) {
        const redirect = redirectOf(error);
        if (redirect === undefined || hop >= MAX_HOPS) throw error;
        this.#view.learn(redirect.slot, redirect.owner);
      }
    }
  }

  unsubscribe(channel: string): void {
    const owner = this.#channels.get(channel);
    if (this.#channels.has(channel) && owner === undefined) this.#homeless -= 1;
    this.#channels.delete(channel);
    if (owner !== undefined) this.#shards.get(owner)?.unsubscribe(channel);
    this.#report();
  }

  hears(channel: string): boolean {
    return this.#shards.get(this.#channels.get(channel) ?? "")?.hears(channel) === true;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#view.close();
    for (const shard of this.#shards.values()) shard.close();
  }

  #ownerOf(channel: string): string | undefined {
    const owner = this.#view.table?.ownerOf(keySlot(channel));
    if (owner === undefined) this.#view.doubt();
    return owner;
  }

  #assign(channel: string, owner: string | undefined): void {
    if (this.#channels.has(channel) && this.#channels.get(channel) === undefined) this.#homeless -= 1;
    if (owner === undefined) this.#homeless += 1;
    this.#channels.set(channel, owner);
  }

  /** Gives channels to whoever holds their slots now; the former server is told when the new one has been asked. */
  #place(channels: readonly string[]): void {
    const byOwner = Map.groupBy(channels, (channel) => this.#ownerOf(channel));
    for (const [owner, ofOwner] of byOwner) {
      if (owner === undefined) continue;
      const former = Map.groupBy(ofOwner, (channel) => this.#channels.get(channel));
      for (const channel of ofOwner) this.#assign(channel, owner);
      this.#shard(owner).adopt(ofOwner);
      for (const [name, ofName] of former)
        if (name !== undefined && name !== owner) this.#shards.get(name)?.release(ofName);
    }
    this.#report();
  }

  #onTable(): void {
    const owners = this.#view.table?.owners ?? new Set<string>();
    for (const owner of owners) this.#shard(owner).probeOn(this.#probeChannelOf(owner));
    const displaced = [...this.#channels].filter(([channel, owner]) => this.#ownerOf(channel) !== owner);
    this.#place(displaced.map(([channel]) => channel));
    for (const [name, shard] of this.#shards) {
      if (owners.has(name)) continue;
      shard.close();
      this.#shards.delete(name);
    }
    this.#report();
  }

  /** A server does not hold these channels any more: what is published meanwhile may be missing. */
  #onMoved(name: string, channels: readonly string[]): void {
    const wanted = channels.filter((channel) => this.#channels.get(channel) === name);
    for (const channel of wanted) this.#assign(channel, undefined);
    this.#report();
    this.#view.doubt();
    this.#place(wanted.filter((channel) => this.#ownerOf(channel) !== name));
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#placeHomeless();
    }, AGAIN_MS);
  }

  #placeHomeless(): void {
    const homeless = [...this.#channels].filter(([, owner]) => owner === undefined);
    if (homeless.length > 0) this.#place(homeless.map(([channel]) => channel));
  }

  /** The one that it has, while it is still there. */
  #probeChannelOf(name: string): string | undefined {
    const isThere = (channel: string): boolean => this.#view.table?.ownerOf(keySlot(channel)) === name;
    const known = this.#shards.get(name)?.probeChannel;
    return known !== undefined && isThere(known) ? known : this.#options.probe.channels.find(isThere);
  }

  #shard(name: string): ProbedShard {
    const known = this.#shards.get(name);
    if (known !== undefined) return known;
    const options: ProbedShardOptions = {
      ...this.#options,
      target: nodeOf(name, this.#options.topology),
      onRestored: (restored) => {
        if (!restored) this.#view.doubt();
        this.#report();
      },
      onMoved: (channels, redirect) => {
        if (redirect !== undefined) this.#view.learn(redirect.slot, redirect.owner);
        this.#onMoved(name, channels);
      },
    };
    const shard = new ProbedShard(options, this.#probeChannelOf(name));
    this.#shards.set(name, shard);
    if (!this.#isClosed) shard.open();
    return shard;
  }

  #report(): void {
    if (this.#isClosed) return;
    const owners = this.#view.table?.owners ?? new Set<string>();
    const isRestored =
      owners.size > 0 &&
      this.#homeless === 0 &&
      [...owners].every((owner) => this.#shards.get(owner)?.restored === true);
    if (!isRestored) this.#view.doubt();
    if (isRestored === this.#isRestored) return;
    this.#isRestored = isRestored;
    this.#options.onRestored(isRestored);
  }
}
