import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient, type StateName } from "@belay/client";
import { SignJWT } from "jose";
import type { Numbered } from "./channel-traffic.ts";
import type { Shown } from "./delivery-check.ts";
import { LatencyLog } from "./latency-log.ts";

export interface SdkFleetOptions {
  readonly url: string;
  /** The cluster's key for HMAC tokens, as its Secret has it. */
  readonly hmacSecret: Uint8Array;
  readonly count: number;
  /** Connections of one user. */
  readonly perUser: number;
  readonly channels: readonly string[];
  readonly openPerSecond: number;
}

/** One application with the SDK, subscribed to one channel. */
export interface SdkMember {
  readonly index: number;
  readonly client: Client;
  readonly channel: string;
  readonly ids: number[];
  readonly states: StateName[];
  /** Pods that it was connected to, one after the other, by their uids. */
  readonly nodes: string[];
  /** Joins and leaves of others in its channel that it was told of. */
  readonly comings: string[];
  resets: number;
  /** The newest id there was when it subscribed. */
  after: number;
}

/** Many applications with the SDK, and everything that they were shown. */
export class SdkFleet implements AsyncDisposable {
  readonly members: SdkMember[] = [];
  /** Of each publication, as a member's callback got it, by this process' clock. */
  readonly latencies: LatencyLog = new LatencyLog();
  /** When the first and the last client moved, by this process' clock. */
  firstMoveMs: number = Infinity;
  lastMoveMs = 0;
  readonly #options: SdkFleetOptions;

  private constructor(options: SdkFleetOptions) {
    this.#options = options;
  }

  /** `newest`: ids that had been published by then, by channel. */
  static async open(options: SdkFleetOptions, newest: ReadonlyMap<string, number>): Promise<SdkFleet> {
    const fleet = new SdkFleet(options);
    const { count, channels, openPerSecond } = options;
    for (let index = 0; index < count; index += 1) {
      const channel = channels[index % channels.length] ?? "";
      await fleet.#add(index, channel, () => newest.get(channel) ?? 0);
      await sleep(1000 / openPerSecond);
    }
    await Promise.all(fleet.members.map(({ client, channel }) => client.channel(channel).ready()));
    return fleet;
  }

  get shown(): readonly Shown[] {
    return this.members.map(({ channel, ids, after }) => ({ channel, ids, after }));
  }

  /** Nodes that hold clients now, and how many each. */
  get byNode(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { client } of this.members) {
      const { node } = client.inspect();
      if (node !== undefined) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return counts;
  }

  get connected(): number {
    return this.members.filter(({ client }) => client.state.name === "connected").length;
  }

  /** Members that had no connection for a while. */
  get reconnected(): number {
    return this.members.filter(({ states }) => states.includes("reconnecting")).length;
  }

  /** How often members were told that something was missed for good. */
  get resets(): number {
    return this.members.reduce((sum, { resets }) => sum + resets, 0);
  }

  /** How often members were in a state. */
  count(state: StateName): number {
    return this.members.reduce((sum, { states }) => sum + states.filter((each) => each === state).length, 0);
  }

  /** Members by how often they went from one pod to another. */
  get moves(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const { nodes } of this.members) counts.set(nodes.length - 1, (counts.get(nodes.length - 1) ?? 0) + 1);
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client } of this.members) client.disconnect();
    await sleep(100);
  }

  async #add(index: number, channel: string, newest: () => number): Promise<void> {
    const { url, perUser } = this.#options;
    const user = `user-${Math.floor(index / perUser)}`;
    const client = createClient({ endpoint: url, token: await this.#token(user), name: "fleet" });
    const member: SdkMember = {
      index,
      client,
      channel,
      ids: [],
      states: [],
      nodes: [],
      comings: [],
      resets: 0,
      after: 0,
    };
    this.members.push(member);
    client.on("state", ({ name }) => this.#changed(member, name));
    const subscription = client.channel(channel, { joinLeave: true });
    subscription.on("publication", ({ data }) => this.#shown(member, data as Numbered));
    subscription.on("reset", () => (member.resets += 1));
    subscription.on("join", ({ client: id }) => member.comings.push(`join ${id}`));
    subscription.on("leave", ({ client: id }) => member.comings.push(`leave ${id}`));
    // Counted from what it cannot have missed: an id that is published while it subscribes may come or not.
    subscription.on("state", ({ name }) => {
      if (name === "subscribed" && member.after === 0) member.after = newest() + 1;
    });
    subscription.subscribe();
    client.connect();
  }

  #changed(member: SdkMember, name: StateName): void {
    const wasMigrating = member.states.at(-1) === "migrating";
    member.states.push(name);
    const { node } = member.client.inspect();
    if (name === "connected" && node !== undefined && node !== member.nodes.at(-1)) member.nodes.push(node);
    const nowMs = performance.now();
    if (name === "migrating") this.firstMoveMs = Math.min(this.firstMoveMs, nowMs);
    if (wasMigrating) this.lastMoveMs = Math.max(this.lastMoveMs, nowMs);
  }

  #shown(member: SdkMember, { id, sentMs }: Numbered): void {
    member.ids.push(id);
    this.latencies.add(sentMs, performance.now() - sentMs);
  }

  #token(user: string): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(this.#options.hmacSecret);
  }
}
