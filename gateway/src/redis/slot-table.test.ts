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
