import { MemoryTransfers } from "./memory-transfers.ts";
import type { Claim, ClaimRequest, LiveNode, Owner, Registry, RegistryEntry, UserPods } from "./registry.ts";

/** The registry of a single node: it owns whatever is connected. */
export class MemoryRegistry implements Registry {
  readonly #node: LiveNode;
  readonly #users = new Map<string, Set<string>>();
  readonly transfers: MemoryTransfers;
  #isOpen = false;

  constructor(node: LiveNode) {
    this.#node = node;
    this.transfers = new MemoryTransfers({
      podUid: node.podUid,
      has: ({ user, client }) => this.#users.get(user)?.has(client) === true,
    });
  }

  get leaseHeld(): boolean {
    return this.#isOpen;
  }

  get lease(): undefined {
    return undefined;
  }

  start(): Promise<void> {
    this.#isOpen = true;
    return Promise.resolve();
  }

  add({ user, client }: RegistryEntry): Promise<void> {
    const clients = this.#users.get(user) ?? new Set<string>();
    clients.add(client);
    this.#users.set(user, clients);
    return Promise.resolve();
  }

  remove({ user, client }: RegistryEntry): void {
    this.transfers.forget({ user, client });
    const clients = this.#users.get(user);
    if (clients?.delete(client) === true && clients.size === 0) this.#users.delete(user);
  }

  claim({ user, client, limit, notCounted }: ClaimRequest): Promise<Claim> {
    const others = [...(this.#users.get(user) ?? [])].filter((one) => one !== client && !notCounted.includes(one));
    if (others.length < limit) {
      return this.add({ user, client }).then(() => ({ isGranted: true }));
    }
    // In the order in which they came.
    const holders = others.map((one, sinceMs) => ({ client: one, podUid: this.#node.podUid, sinceMs }));
    return Promise.resolve({ isGranted: false, holders });
  }

  owners(user: string): Promise<readonly Owner[]> {
    return Promise.resolve([...(this.#users.get(user) ?? [])].map((client) => ({ client, podUid: this.#node.podUid })));
  }

  podsOf(user: string): Promise<UserPods> {
    const podUids = user === "" || this.#users.has(user) ? [this.#node.podUid] : [];
    return Promise.resolve({ podUids, mayBeOthers: false });
  }

  isLive(podUid: string): Promise<boolean> {
    return Promise.resolve(this.#isOpen && podUid === this.#node.podUid);
  }

  liveNodes(): Promise<readonly LiveNode[]> {
    return Promise.resolve(this.#isOpen ? [this.#node] : []);
  }

  sweep(): Promise<void> {
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#isOpen = false;
    this.#users.clear();
    return Promise.resolve();
  }
}
