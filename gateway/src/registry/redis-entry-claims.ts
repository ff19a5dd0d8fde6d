import type { BatchCommand, CommandConnection } from "../redis/command-connection.ts";
import type { RedisKeys } from "../redis/redis-keys.ts";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { FIRST_GENERATION, indexDeletes, indexWrites } from "./redis-entries.ts";
import { formatOwner, isTexts, pairsOf, parseEntry } from "./redis-registry-rows.ts";
import { CLAIM_ENTRY_SCRIPT } from "./redis-registry-scripts.ts";
import type { Claim, ClaimRequest, Holder, Lease } from "./registry.ts";

export interface EntryClaimsOptions {
  readonly commands: CommandConnection;
  readonly keys: RedisKeys;
  /** The lease to write under; undefined while this pod cannot be sure of it. */
  readonly usableLease: () => Promise<Lease | undefined>;
  /** Leases that ended, as far as is known: their entries do not count. */
  readonly deadLeases: () => readonly Lease[];
  /** The claim was granted and is written under this lease. */
  readonly onGranted: (request: ClaimRequest, lease: Lease) => void;
  /** It may be written or not. */
  readonly onUnknown: (request: ClaimRequest) => void;
}

interface WaitingClaim {
  readonly request: ClaimRequest;
  readonly settle: PromiseWithResolvers<Claim>;
}

/** Entries that are written only where the user has room for one more; those of a turn of the event loop go out together. */
export class EntryClaims {
  readonly #options: EntryClaimsOptions;
  #waiting: WaitingClaim[] = [];

  constructor(options: EntryClaimsOptions) {
    this.#options = options;
  }

  /** Rejects with BrokerUnavailableError; whether the entry was written is not known then. */
  claim(request: ClaimRequest): Promise<Claim> {
    const settle = Promise.withResolvers<Claim>();
    if (this.#waiting.length === 0) setImmediate(() => void this.#send());
    this.#waiting.push({ request, settle });
    return settle.promise;
  }

  async #send(): Promise<void> {
    const claims = this.#waiting;
    this.#waiting = [];
    try {
      const replies = await this.#exchange(claims.map(({ request }) => request));
      for (const [index, { settle }] of claims.entries()) settle.resolve(claimOf(replies[index]));
    } catch (error) {
      for (const { request, settle } of claims) {
        this.#options.onUnknown(request);
        settle.reject(error);
      }
    }
  }

  /** The index first, as with every entry: see `writeEntries`. */
  async #exchange(requests: readonly ClaimRequest[]): Promise<readonly unknown[]> {
    const { commands, keys, usableLease, deadLeases, onGranted } = this.#options;
    const lease = await usableLease();
    if (lease === undefined) throw new BrokerUnavailableError("this pod's lease could not be renewed");
    await commands.batch(indexWrites(keys, lease, requests));
    const dead = deadLeases();
    const replies = await commands.batch(requests.map((request) => claiming(keys, lease, dead, request)));
    const refused = requests.filter((_, index) => !claimOf(replies[index]).isGranted);
    for (const [index, request] of requests.entries()) if (claimOf(replies[index]).isGranted) onGranted(request, lease);
    // What stands in the index without an entry costs a sweep a look, no more.
    commands.batch(indexDeletes(keys, lease, refused)).catch(() => undefined);
    return replies;
  }
}

function claiming(keys: RedisKeys, lease: Lease, dead: readonly Lease[], request: ClaimRequest): BatchCommand {
  const { user, client, limit, notCounted } = request;
  const own = [client, lease.podUid, lease.term, FIRST_GENERATION, limit, dead.length];
  return { script: CLAIM_ENTRY_SCRIPT, key: keys.user(user), args: [...own, ...dead.map(formatOwner), ...notCounted] };
}

/** Granted claims get an empty reply, refused ones those that hold the places. */
function claimOf(reply: unknown): Claim {
  const holders = isTexts(reply) ? pairsOf(reply).flatMap(([client, value]) => holderOf(client, value) ?? []) : [];
  return holders.length === 0 ? { isGranted: true } : { isGranted: false, holders };
}

function holderOf(client: string, value: string): Holder | undefined {
  const lease = parseEntry(value);
  return lease === undefined ? undefined : { client, podUid: lease.podUid, sinceMs: Number(value.split(" ")[4]) };
}
