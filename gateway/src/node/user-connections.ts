import { CLOSE } from "@belay/protocol";
import type { ConnectionLimitPolicy } from "@belay/protocol/control";
import { z } from "zod";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { NodeBus } from "./node-bus.ts";
import type { Claim, Holder, Registry, RegistryEntry } from "../registry/registry.ts";

interface ConnectionLimit {
  /** 0: none. */
  readonly maxConnectionsPerUser: number;
  readonly connectionLimitPolicy: ConnectionLimitPolicy;
}

export interface UserConnectionsOptions {
  readonly limits: () => ConnectionLimit;
  readonly registry: Pick<Registry, "claim" | "add" | "remove">;
  readonly bus: NodeBus;
  readonly onRefused: () => void;
}

/** Asks a node which of a user's clients are there. */
export const CHALLENGE = "challenge";
/** How long a client may take to answer a ping that asks whether it is there. */
export const CHALLENGE_MS = 1500;
/** What a pod may take to answer a challenge, beside the time that it gives its clients. */
const ANSWER_MS = 500;

/** Places that are taken from older connections before a client is refused after all: others may come at the same moment. */
const MAX_REPLACED = 3;

const answer = z.object({ alive: z.array(z.string()) });

/**
 * How many connections a user may have in the cluster (LIM20–LIM23). At the limit the holders of the places have to prove that they
 * are there: a client that comes back must not be refused because of what it left behind.
 */
export class UserConnections {
  readonly #options: UserConnectionsOptions;
  /** Challenges under way, by user: clients that come together share them. */
  readonly #challenges = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(options: UserConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Registers a client, before it is told that it is connected: from then on orders find it (API14). False: the user has too many.
   * Undefined for one without a user: orders for those go to every pod. Without Redis everybody gets a place. What is taken is given
   * back by removing the registry's entry.
   */
  claim(entry: RegistryEntry): Promise<boolean> | undefined {
    const { maxConnectionsPerUser } = this.#options.limits();
    if (entry.user === "") return undefined;
    return maxConnectionsPerUser === 0
      ? this.#options.registry.add(entry).then(() => true)
      : this.#claim(entry, maxConnectionsPerUser);
  }

  /** Gives the place back. */
  release(entry: RegistryEntry): void {
    this.#options.registry.remove(entry);
  }

  async #claim(entry: RegistryEntry, limit: number): Promise<boolean> {
    try {
      const isGranted = await this.#contend(entry, limit);
      if (!isGranted) this.#options.onRefused();
      return isGranted;
    } catch (error) {
      if (error instanceof BrokerUnavailableError) return true;
      throw error;
    }
  }

  async #contend(entry: RegistryEntry, limit: number): Promise<boolean> {
    const { registry, limits } = this.#options;
    const first = await registry.claim({ ...entry, limit, notCounted: [] });
    if (first.isGranted) return true;
    const notCounted = [...(await this.#silentOf(entry.user, first.holders))];
    let claim: Claim = first;
    if (notCounted.length > 0) claim = await registry.claim({ ...entry, limit, notCounted });
    if (limits().connectionLimitPolicy === "Reject") return claim.isGranted;
    for (let replaced = 0; replaced < MAX_REPLACED && !claim.isGranted; replaced += 1) {
      const oldest = claim.holders.reduce((a, b) => (b.sinceMs < a.sinceMs ? b : a));
      await this.#replace(entry.user, oldest);
      notCounted.push(oldest.client);
      claim = await registry.claim({ ...entry, limit, notCounted });
    }
    return claim.isGranted;
  }

  async #replace(user: string, { client, podUid }: Holder): Promise<void> {
    await this.#options.bus.tell(podUid, "disconnect", { user, client, ...CLOSE.connectionLimit });
  }

  /** Those of the holders that did not prove that they are there. One who came during a challenge has just done so. */
  #silentOf(user: string, holders: readonly Holder[]): Promise<ReadonlySet<string>> {
    const running = this.#challenges.get(user);
    if (running !== undefined) return running;
    const challenge = this.#challenge(user, holders).finally(() => this.#challenges.delete(user));
    this.#challenges.set(user, challenge);
    return challenge;
  }

  async #challenge(user: string, holders: readonly Holder[]): Promise<ReadonlySet<string>> {
    const byPod = Map.groupBy(holders, ({ podUid }) => podUid);
    const silent = await Promise.all(
      [...byPod].map(async ([podUid, held]) => {
        const clients = held.map(({ client }) => client);
        const told = await this.#options.bus.ask(podUid, CHALLENGE, { user, clients }, CHALLENGE_MS + ANSWER_MS);
        const alive = new Set(answer.safeParse(told).data?.alive);
        return clients.filter((client) => !alive.has(client));
      }),
    );
    return new Set(silent.flat());
  }
}
