import { expect, test } from "vitest";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { redirectOf } from "./redirect.ts";
import { SlotTable } from "./slot-table.ts";

const REPLY = [
  [0, 8_191, ["10.0.0.1", 6379, "id1"], ["10.0.0.2", 6379, "id2"]],
  [8_192, 16_383, [null, 7000, "id3"], ["?", 7001, "id4"]],
];

test("[TP4] the slot table is read as servers tell it, and what is none is refused", () => {
  const table = SlotTable.parse(REPLY, "asked");
  expect(table?.ownerOf(8_191)).toBe("10.0.0.1:6379");
  expect(table?.ownerOf(8_192)).toBe("asked:7000");
  expect([...(table?.nodes ?? [])]).toEqual(["10.0.0.1:6379", "10.0.0.2:6379", "asked:7000"]);
  for (const other of ["OK", [["0", 1]], [[0, 16_384, ["h", 1]]], [0]])
    expect(SlotTable.parse(other, "asked")).toBeUndefined();
});

test("[TP4] one slot that moved is found", () => {
  const table = SlotTable.parse(REPLY, "asked");
  const moved = table?.withMoved(5, "10.0.0.9:6379");
  expect(moved?.ownerOf(5)).toBe("10.0.0.9:6379");
  expect(moved?.ownerOf(6)).toBe("10.0.0.1:6379");
  expect(moved === undefined ? [] : table?.movedIn(moved)).toEqual([5]);
});

test.for([
  ["MOVED 3999 127.0.0.1:6381", { kind: "MOVED", slot: 3999, owner: "127.0.0.1:6381" }],
  ["ASK 3999 redis-1.example:6381", { kind: "ASK", slot: 3999, owner: "redis-1.example:6381" }],
  ["MOVED 3999 :6381", undefined],
  ["TRYAGAIN Multiple keys request during rehashing of slot", undefined],
  ["CLUSTERDOWN The cluster is down", undefined],
] as const)("[TP4] %s", ([words, redirect]) => {
  expect(redirectOf(new BrokerUnavailableError("refused", { cause: new Error(words) }))).toEqual(redirect);
});

test("[TP4] primaries without slots are known, named as the others are", () => {
  expect(primariesIn(REPLY, ["", "", ""])).toEqual(["10.0.0.1:6379", "asked:7000", "10.0.0.9:6379"]);
  // Host names that nobody uses.
  expect(primariesIn(REPLY, ["one", "two", "nine"])).toContain("10.0.0.9:6379");
  const byName = [[0, 8_191, ["one", 6379, "id1"], ["two", 6379, "id2"]]];
  expect(primariesIn(byName, ["one", "two", "nine"])).toEqual(["one:6379", "nine:6379"]);
  expect(primariesIn(byName, ["one", "two", ""])).toEqual(["one:6379"]);
});

/** What CLUSTER NODES says, with these host names. */
function nodeLines(hosts: readonly string[]): string {
  return [
    `id1 10.0.0.1:6379@16379,${hosts[0]} myself,master - 0 0 1 connected 0-8191`,
    `id2 10.0.0.2:6379@16379,${hosts[1]} slave id1 0 0 1 connected`,
    `id9 10.0.0.9:6379@16379,${hosts[2]} master - 0 0 0 connected`,
    `id8 10.0.0.8:6379@16379,${hosts[2]} master,fail - 0 0 0 connected`,
  ].join("\n");
}

function primariesIn(reply: unknown, hosts: readonly string[]): readonly string[] {
  return [...(SlotTable.parse(reply, "asked", nodeLines(hosts))?.primaries ?? [])];
}
