/** What the registry's hashes hold, as text; docs/redis.md describes each. */
import type { Lease } from "./registry.ts";

/** A row of `{L}:pods`. */
export interface PodRow extends Lease {
  readonly revision: string;
  /** Redis time of the last beat. */
  readonly beatMs: number;
}

/** What a beat returned. */
export interface BeatTable {
  readonly term: string;
  readonly runId: string;
  readonly nowMs: number;
  /** No lease ends before this Redis time. */
  readonly calmUntilMs: number;
  readonly pods: readonly PodRow[];
  /** Leases that ended and are not swept yet. */
  readonly dead: readonly Lease[];
  /** Pod uid → term under which all its entries are written. */
  readonly complete: ReadonlyMap<string, string>;
}

/** Undefined when the reply is not one of BEAT_SCRIPT. */
export function parseBeat(reply: unknown): BeatTable | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [term, runId, now, calm, rows, dead, complete] = reply as readonly unknown[];
  if (typeof term !== "string" || typeof runId !== "string") return undefined;
  if (!isTexts(rows) || !isTexts(dead) || !isTexts(complete)) return undefined;
  return {
    term,
    runId,
    nowMs: Number(now),
    calmUntilMs: Number(calm),
    pods: pairsOf(rows).flatMap(([podUid, row]) => parsePodRow(podUid, row) ?? []),
    dead: dead.flatMap((field) => parseLease(field) ?? []),
    complete: new Map(pairsOf(complete)),
  };
}

function parsePodRow(podUid: string, row: string): PodRow | undefined {
  const [, term, beat, revision] = /^(\d+) (\d+) (.*)$/s.exec(row) ?? [];
  if (term === undefined || beat === undefined) return undefined;
  return { podUid, term, beatMs: Number(beat), revision: revision ?? "" };
}

/** A field of `{L}:dead`. */
export function parseLease(field: string): Lease | undefined {
  const at = field.lastIndexOf(":");
  return at <= 0 ? undefined : { podUid: field.slice(0, at), term: field.slice(at + 1) };
}

export function formatLease({ podUid, term }: Lease): string {
  return `${podUid}:${term}`;
}

/** As values name a lease. */
export function formatOwner({ podUid, term }: Lease): string {
  return `${podUid} ${term}`;
}

/** The lease of a value of `{U}u:<user>`. */
export function parseEntry(value: string): Lease | undefined {
  const [podUid, term] = value.split(" ", 2);
  return podUid === undefined || term === undefined ? undefined : { podUid, term };
}

/** The pod that a value of `{U}u:<user>` names as the next owner, and its lease. */
export function parseNext(value: string): Lease | undefined {
  return parseLease(value.split(" ", 4)[3] ?? "");
}

/** The flat field, value, field, value of a hash. */
export function pairsOf(flat: readonly string[]): readonly (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) pairs.push([flat[index] ?? "", flat[index + 1] ?? ""]);
  return pairs;
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
