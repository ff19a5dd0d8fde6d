/** The port of the ownership registry: which pod holds which connection. An entry counts only while its pod's lease lives. */

export interface RegistryEntry {
  readonly user: string;
  readonly client: string;
}

export interface Owner {
  readonly client: string;
  readonly podUid: string;
}

/** Another live node, as the last beat saw it. */
export interface LiveNode {
  readonly podUid: string;
  readonly revision: string;
}

export interface Registry {
  /** Whether this node's lease could be renewed lately. */
  readonly leaseHeld: boolean;
  /** Begins to beat. Entries may be added before the first beat has succeeded; they are written when it has. */
  start(): Promise<void>;
  /** Queues the write; writes of one tick go out together. Never rejects: what cannot be written now is written on return. */
  add(entry: RegistryEntry): void;
  remove(entry: RegistryEntry): void;
  /** Owners of a user's connections on live nodes. Rejects with BrokerUnavailableError. */
  owners(user: string): Promise<readonly Owner[]>;
  liveNodes(): Promise<readonly LiveNode[]>;
  /** Resolves when every queued write is done or given up after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Removes this node's entries and lease, then stops. */
  close(): Promise<void>;
}
