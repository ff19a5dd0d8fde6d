/** The revocations that a node knows: what they say of a token, and how two versions of one become one. Pure. */
import type { Identity } from "../session/session.ts";
import type { Revocation } from "../auth/verifier.ts";

/** One revocation as it is stored. Two of the same id become one. */
export interface RevocationEntry {
  /** JSON text: `["user",u]`, `["token",id]`, `["token",id,u]`, `["block",u]` or `["all"]`. */
  readonly id: string;
  /** Milliseconds since 1970 of the last change; orders a block and its lifting. */
  readonly stamp: number;
  /** Seconds since 1970. */
  readonly until: number;
  /** Tokens issued before this second since 1970 are void; 0 where the issue time does not matter. */
  readonly issuedBefore: number;
  /** A block that was taken back. Kept until its end, so that a node that missed it does not bring the block back. */
  readonly isLifted: boolean;
}

/** How long an entry outlives its end, seconds: clocks of nodes differ. */
const KEEP_SECONDS = 60;

/** `nowSeconds` decides what "all there are now" means: everything issued up to the end of this second. */
export function entryOf(revocation: Revocation, nowSeconds: number): RevocationEntry {
  const { user, tokenId, isBlock = false } = revocation;
  const until = Math.ceil(revocation.until);
  const issuedBefore = Math.floor(revocation.issuedBefore ?? nowSeconds + 1);
  if (isBlock && user !== undefined)
    return { id: idOf("block", user), stamp: 0, until, issuedBefore: 0, isLifted: false };
  if (tokenId !== undefined) {
    return {
      id: idOf("token", tokenId, ...(user === undefined ? [] : [user])),
      stamp: 0,
      until,
      issuedBefore: 0,
      isLifted: false,
    };
  }
  const id = user === undefined ? idOf("all") : idOf("user", user);
  return { id, stamp: 0, until, issuedBefore, isLifted: false };
}

export function blockId(user: string): string {
  return idOf("block", user);
}

/** Undefined for an entry that says nothing (any more). */
export function revocationOf(entry: RevocationEntry): Revocation | undefined {
  const [kind, name, user] = JSON.parse(entry.id) as readonly string[];
  const { until, issuedBefore } = entry;
  if (entry.isLifted) return undefined;
  if (kind === "all") return { until, issuedBefore };
  if (name === undefined) return undefined;
  if (kind === "token") return { tokenId: name, until, ...(user !== undefined && { user }) };
  return kind === "block" ? { user: name, until, isBlock: true } : { user: name, until, issuedBefore };
}

/** Of a block the later change counts; other revocations only ever grow. */
export function merged(old: RevocationEntry, next: RevocationEntry): RevocationEntry {
  if (old.id.startsWith('["block"')) return next.stamp > old.stamp ? next : old;
  return {
    ...old,
    stamp: Math.max(old.stamp, next.stamp),
    until: Math.max(old.until, next.until),
    issuedBefore: Math.max(old.issuedBefore, next.issuedBefore),
  };
}

export class RevocationTable {
  readonly #entries = new Map<string, RevocationEntry>();

  get size(): number {
    return this.#entries.size;
  }

  get(id: string): RevocationEntry | undefined {
    return this.#entries.get(id);
  }

  /** Whether anything changed. */
  put(entry: RevocationEntry): boolean {
    const old = this.#entries.get(entry.id);
    const next = old === undefined ? entry : merged(old, entry);
    this.#entries.set(entry.id, next);
    return old === undefined || !isSame(old, next);
  }

  entries(): readonly RevocationEntry[] {
    return [...this.#entries.values()];
  }

  judge(
    { user, tokenId, issuedAt }: Pick<Identity, "user" | "tokenId" | "issuedAt">,
    nowSeconds: number,
  ): "revoked" | "blocked" | undefined {
    if (this.#entries.size === 0) return undefined;
    if (this.#live(idOf("block", user), nowSeconds) !== undefined) return "blocked";
    if (tokenId !== undefined && this.#isTokenRevoked(tokenId, user, nowSeconds)) return "revoked";
    // A guest without a token has nothing that could be revoked.
    if (user === "" && issuedAt === undefined) return undefined;
    // A token that does not say when it was issued cannot show that it is younger.
    return (issuedAt ?? 0) < this.#oldestGood(user, nowSeconds) ? "revoked" : undefined;
  }

  /** Tokens of the user issued before this second are void. */
  #oldestGood(user: string, nowSeconds: number): number {
    const entries = [this.#live(idOf("user", user), nowSeconds), this.#live(idOf("all"), nowSeconds)];
    return Math.max(...entries.map((entry) => entry?.issuedBefore ?? 0));
  }

  /** Forgets what ended a while ago; the ids of what was forgotten. */
  prune(nowSeconds: number): readonly string[] {
    const ended = this.entries().filter(({ until }) => until + KEEP_SECONDS < nowSeconds);
    for (const { id } of ended) this.#entries.delete(id);
    return ended.map(({ id }) => id);
  }

  #isTokenRevoked(tokenId: string, user: string, nowSeconds: number): boolean {
    const ids = [idOf("token", tokenId), idOf("token", tokenId, user)];
    return ids.some((id) => this.#live(id, nowSeconds) !== undefined);
  }

  #live(id: string, nowSeconds: number): RevocationEntry | undefined {
    const entry = this.#entries.get(id);
    return entry !== undefined && !entry.isLifted && entry.until > nowSeconds ? entry : undefined;
  }
}

function idOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

function isSame(a: RevocationEntry, b: RevocationEntry): boolean {
  return a.stamp === b.stamp && a.until === b.until && a.issuedBefore === b.issuedBefore && a.isLifted === b.isLifted;
}
