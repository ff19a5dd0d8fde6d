import { expect, test } from "vitest";
import type { Revocation } from "../auth/verifier.ts";
import { entryOf, merged, type RevocationEntry, revocationOf, RevocationTable } from "./revocation-table.ts";

const NOW = 1_000_000.5;
const until = NOW + 3600;

function table(...revocations: readonly Revocation[]): RevocationTable {
  const made = new RevocationTable();
  for (const revocation of revocations) made.put({ ...entryOf(revocation, NOW), stamp: 1 });
  return made;
}

const ann = { user: "ann", tokenId: "t1", issuedAt: 1_000_000 };

test.each<[string, Revocation, typeof ann | { user: string }, string | undefined]>([
  ["all tokens of a user there are now", { user: "ann", until }, ann, "revoked"],
  ["but not those of the next second", { user: "ann", until }, { ...ann, issuedAt: 1_000_001 }, undefined],
  ["nor another user's", { user: "bob", until }, ann, undefined],
  [
    "tokens issued before a time",
    { user: "ann", issuedBefore: 999_999, until },
    { ...ann, issuedAt: 999_998 },
    "revoked",
  ],
  ["but not at it", { user: "ann", issuedBefore: 999_999, until }, { ...ann, issuedAt: 999_999 }, undefined],
  ["a token that does not say when it was issued", { user: "ann", until }, { user: "ann" }, "revoked"],
  ["everybody's tokens", { until }, ann, "revoked"],
  ["everybody's old tokens", { issuedBefore: 5, until }, ann, undefined],
  ["but not guests, who have none", { until }, { user: "" }, undefined],
  ["one token", { tokenId: "t1", until }, ann, "revoked"],
  ["but not another one", { tokenId: "t2", until }, ann, undefined],
  ["one token of one user", { tokenId: "t1", user: "ann", until }, ann, "revoked"],
  ["but not of another one", { tokenId: "t1", user: "bob", until }, ann, undefined],
  ["a blocked user", { user: "ann", isBlock: true, until }, { ...ann, issuedAt: 2_000_000 }, "blocked"],
  ["another blocked user", { user: "bob", isBlock: true, until }, ann, undefined],
  ["a user whose name looks like an id", { user: '","x', until }, { user: '","x' }, "revoked"],
])("[REV1] %s", (_title, revocation, claims, verdict) => {
  expect(table(revocation).judge(claims, NOW)).toBe(verdict);
});

test("[REV4] a revocation ends, and is forgotten a minute later", () => {
  const known = table({ user: "ann", until: NOW + 10 });
  expect(known.judge(ann, NOW + 9)).toBe("revoked");
  expect(known.judge(ann, NOW + 11)).toBeUndefined();
  expect(known.prune(NOW + 60)).toEqual([]);
  expect(known.prune(NOW + 72)).toEqual(['["user","ann"]']);
  expect(known.size).toBe(0);
});

test("[REV1] repeated revocations only grow, in any order", () => {
  const one = { ...entryOf({ user: "ann", issuedBefore: 100, until: 5000 }, NOW), stamp: 3 };
  const two = { ...entryOf({ user: "ann", issuedBefore: 50, until: 9000 }, NOW), stamp: 2 };
  const both = { id: '["user","ann"]', stamp: 3, until: 9000, issuedBefore: 100, isLifted: false };
  expect(merged(one, two)).toEqual(both);
  expect(merged(two, one)).toEqual(both);
});

test("[REV3] of a block and its lifting the later one counts, in any order", () => {
  const block: RevocationEntry = { ...entryOf({ user: "ann", isBlock: true, until }, NOW), stamp: 1 };
  const lifted = { ...block, stamp: 2, isLifted: true };
  expect(merged(block, lifted)).toEqual(lifted);
  expect(merged(lifted, block)).toEqual(lifted);
  const known = table();
  expect(known.put(lifted)).toBe(true);
  expect(known.put(block)).toBe(false);
  expect(known.judge(ann, NOW)).toBeUndefined();
  expect(known.put({ ...block, stamp: 3 })).toBe(true);
  expect(known.judge(ann, NOW)).toBe("blocked");
});

test.each<Revocation>([
  { user: "ann", issuedBefore: 7, until: 9 },
  { tokenId: "t", until: 9 },
  { tokenId: "t", user: "ann", until: 9 },
  { user: "ann", isBlock: true, until: 9 },
  { issuedBefore: 7, until: 9 },
])("[RV1] %o survives being stored", (revocation) => {
  expect(revocationOf(entryOf(revocation, NOW))).toEqual(revocation);
});
