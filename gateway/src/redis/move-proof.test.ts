import { expect, test } from "vitest";
import { parseClusterNodes } from "./cluster-nodes.ts";
import { isSeenFrom } from "./move-proof.ts";

const MOVED = { giver: "aa", slot: 7, isAsking: false };

/** What the node `bb` says when `aa` is like this and itself has these slots. */
function seenBy(giver: string, mine: string): Parameters<typeof isSeenFrom>[0] {
  return parseClusterNodes(
    `bb 10.0.0.2:6379@1 myself,master - 0 0 2 connected ${mine}\naa 10.0.0.1:6379@1 ${giver}\ncc 10.0.0.3:6379@1 master - 0 0 3 connected 9`,
  );
}

test("[TP9] a move counts as the giver's only where the new owner sees it so: a failover in between shows", () => {
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-6", "7"), MOVED)).toBe(true);
  // Its replica took its slots, and gave one of them away.
  expect(isSeenFrom(seenBy("master - 0 0 1 connected", "7"), MOVED)).toBe(false);
  expect(isSeenFrom(seenBy("slave cc 0 0 1 connected", "7"), MOVED)).toBe(false);
  expect(isSeenFrom(seenBy("master,fail? - 0 0 1 connected 0-6", "7"), MOVED)).toBe(false);
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-6", "8"), MOVED)).toBe(false);
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-6", "7"), { ...MOVED, giver: "dd" })).toBe(false);
});

test("[TP9] while a slot is on its way its importer must take it from the giver, who still holds it", () => {
  const asking = { ...MOVED, isAsking: true };
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-7", "8 [7-<-aa]"), asking)).toBe(true);
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-7", "8 [7-<-cc]"), asking)).toBe(false);
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-7", "8"), asking)).toBe(false);
  expect(isSeenFrom(seenBy("master - 0 0 1 connected 0-6", "8 [7-<-aa]"), asking)).toBe(false);
});
