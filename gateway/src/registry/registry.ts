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

/** One run of one pod, as long as it kept its lease. */
export interface Lease {
  readonly podUid: string;
  /** Milliseconds; a later lease of the same pod has a higher one. Kept as text: it is only compared for equality. */
  readonly term: string;
}

/** As what a pod holds a client. */
export interface Ownership extends Lease {
  /** Counted up whenever the client goes to another pod, or its pod takes it back: whoever names an older one is too late. */
  readonly generation: number;
}

/**
 * How a client goes from one pod to another: reserved, then committed by the new one, or reclaimed by the old one. Every step is
 * conditional on `from` and changes one key; the first of commit and reclaim wins. Promises reject with BrokerUnavailableError: then
 * the step may have been made or not, and may be repeated.
 */
export interface Transfers {
  /** As what this pod holds the client; undefined where it does not, or where that is not written. */
  ownership(entry: RegistryEntry): Ownership | undefined;
  /** Names this pod as the next owner. False: the client is not held as `from` any more. */
  reserve(entry: RegistryEntry, from: Ownership): Promise<boolean>;
  /** This pod takes what it has reserved, also what nobody has any more because the former owner's lease is over. */
  commit(entry: RegistryEntry, from: Ownership): Promise<"taken" | "added" | "lost">;
  /** Takes this pod's reservation back. */
  release(entry: RegistryEntry, from: Ownership): Promise<void>;
  /** This pod, the owner, keeps the client: no reservation counts any more. `lost`: it is another's; `gone`: nobody's. */
  reclaim(entry: RegistryEntry, own: Ownership): Promise<"kept" | "lost" | "gone">;
  /** The client is another's: nothing of it is written or removed from now on. */
  letGo(entry: RegistryEntry, own: Ownership): void;
}

/** A connection that takes one of a user's places. */
export interface Holder extends Owner {
  /** Milliseconds, by the registry's clock: when the connection was registered. */
  readonly sinceMs: number;
}

export interface ClaimRequest extends RegistryEntry {
  /** Most connections of the user, at least 1. */
  readonly limit: number;
  /** Client ids that do not count: proved to be gone. */
  readonly notCounted: readonly string[];
}

export type Claim =
  | { readonly isGranted: true }
  /** Who holds the places on pods whose leases are not known to have ended. */
  | { readonly isGranted: false; readonly holders: readonly Holder[] };

/** A client of which two pods thought that they hold it. */
export interface Contest extends RegistryEntry {
  /** The pod that does. */
  readonly winner: Lease;
}

export interface RegistryEvents {
  /** The client is with a newer owner: what this pod has of it is to be closed. */
  readonly onSuperseded?: (entry: RegistryEntry) => void;
  /** This pod took the client over from another one that may not know. */
  readonly onTakenOver?: (contest: Contest, formerPodUid: string) => void;
  /**
   * A lease was gained: what stood under an old one is swept, whatever is to stand has to be written again. Resolves when it is; the
   * sweep waits for that. Never rejects.
   */
  readonly onLease?: () => Promise<void>;
}

/** Where connections of a user may be. */
export interface UserPods {
  readonly podUids: readonly string[];
  /** Pods that this one does not know of yet may hold some too. */
  readonly mayBeOthers: boolean;
}

export interface Registry {
  /** Whether this node's lease could be renewed lately. */
  readonly leaseHeld: boolean;
  /** Undefined before the first beat, and where nodes need no leases. */
  readonly lease: Lease | undefined;
  readonly transfers: Transfers;
  /** Begins to beat. Entries may be added before the first beat has succeeded; they are written when it has. */
  start(events?: RegistryEvents): Promise<void>;
  /**
   * Queues the write; writes of one tick go out together. Resolves when the entry is written, or cannot be for now: then it is
   * written later. Never rejects.
   */
  add(entry: RegistryEntry): Promise<void>;
  remove(entry: RegistryEntry): void;
  /**
   * Adds an entry at once if the user has fewer than `limit` others on pods whose leases live. Rejects with BrokerUnavailableError:
   * then it is added as by `add`, however many there are.
   */
  claim(request: ClaimRequest): Promise<Claim>;
  /** Owners of a user's connections on live nodes. Rejects with BrokerUnavailableError. */
  owners(user: string): Promise<readonly Owner[]>;
  /**
   * Pods that may hold connections of a user: the owners', and those that have reserved one. All there are while entries may be missing, because Redis lost some and
   * not every pod has written its own again; and for the empty user, whose connections nobody counts. Rejects with
   * BrokerUnavailableError.
   */
  podsOf(user: string): Promise<UserPods>;
  /** Whether a pod of this uid lives, also one that has just begun to. Rejects with BrokerUnavailableError. */
  isLive(podUid: string): Promise<boolean>;
  liveNodes(): Promise<readonly LiveNode[]>;
  /**
   * Other pods that are known to be gone: their leases end now, and what they held is removed. One that lives after all gains a new
   * lease. Resolves when it is done or another pod does it. Rejects with BrokerUnavailableError.
   */
  sweep(podUids: readonly string[]): Promise<void>;
  /** Resolves when every queued write is done or given up after `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Removes this node's entries and lease, then stops. */
  close(): Promise<void>;
}
