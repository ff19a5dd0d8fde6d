import { z } from "zod";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { NodeBus } from "../node/node-bus.ts";
import type { Registry } from "../registry/registry.ts";

export interface InboxNudgesOptions {
  readonly nodeId: string;
  readonly bus: NodeBus;
  readonly registry: Pick<Registry, "podsOf">;
  /** There is something new for a user with connections here. */
  readonly onNudge: (user: string) => void;
  readonly onFault: (error: unknown) => void;
}

/** Users of one message between nodes. */
const USERS_PER_MESSAGE = 500;

const body = z.object({ users: z.array(z.string()) });

/**
 * Tells the nodes that hold connections of a user that there is something in the inbox. The message itself is stored before: a
 * nudge that is lost costs time, and nothing else.
 */
export class InboxNudges {
  readonly #options: InboxNudgesOptions;
  readonly #pending = new Set<string>();

  constructor(options: InboxNudgesOptions) {
    this.#options = options;
    options.bus.on("inbox", (told) => {
      for (const user of body.safeParse(told).data?.users ?? []) options.onNudge(user);
    });
  }

  /** Users of one turn of the event loop share the messages. */
  announce(user: string): void {
    if (this.#pending.size === 0) setImmediate(() => void this.#flush());
    this.#pending.add(user);
  }

  async #flush(): Promise<void> {
    const users = [...this.#pending];
    this.#pending.clear();
    try {
      const byPod = new Map<string, string[]>();
      const pods = await Promise.all(users.map((user) => this.#options.registry.podsOf(user)));
      for (const [index, user] of users.entries()) {
        const { podUids = [], mayBeOthers = false } = pods[index] ?? {};
        // Whoever is told twice looks once more.
        for (const pod of new Set(mayBeOthers ? [...podUids, "all"] : podUids))
          byPod.set(pod, [...(byPod.get(pod) ?? []), user]);
      }
      await Promise.all([...byPod].map(([pod, told]) => this.#tell(pod, told)));
    } catch (error) {
      if (!(error instanceof BrokerUnavailableError)) this.#options.onFault(error);
    }
  }

  async #tell(pod: string, users: readonly string[]): Promise<void> {
    const { nodeId, bus, onNudge } = this.#options;
    if (pod === nodeId) {
      for (const user of users) onNudge(user);
      return;
    }
    for (let from = 0; from < users.length; from += USERS_PER_MESSAGE) {
      await bus.tell(pod, "inbox", { users: users.slice(from, from + USERS_PER_MESSAGE) });
    }
  }
}
