import { expect, test } from "vitest";
import { holdsSlot, parseClusterNodes } from "./cluster-nodes.ts";

const LINES = [
  "aa 10.0.0.1:6379@16379 myself,master - 0 0 5 connected 0-5460 5500 [5461->-bb] [5502-<-bb]",
  "bb 10.0.0.2:6379@16379,redis-1.example master - 0 1426238316232 2 connected",
  "cc 10.0.0.3:6379@16379,,shard-id=5f slave aa 0 1426238317741 3 connected",
  "dd 10.0.0.4:6379@16379 master,fail? - 0 1426238317741 3 connected 6000",
  "ee fe80::1:6379@16379 master,noaddr - 0 0 3 disconnected",
  "ff 10.0.0.6:6379@16379 handshake - 0 0 0 connected",
  "",
  "ERR unknown",
];

test("[TP4] what a node says of the others is read: who is a primary that nobody suspects, and which slots it holds", () => {
  const nodes = parseClusterNodes(LINES.join("\r\n"));
  expect(nodes.map(({ id }) => id)).toEqual(["aa", "bb", "cc", "dd", "ee", "ff"]);
  expect(nodes.filter(({ isSoundPrimary }) => isSoundPrimary).map(({ id }) => id)).toEqual(["aa", "bb"]);
  expect(nodes.filter(({ isMyself }) => isMyself).map(({ id }) => id)).toEqual(["aa"]);
  expect(nodes.map(({ address }) => address)).toContain("[fe80::1]:6379");
  expect(nodes.map(({ hostAddress }) => hostAddress).filter((each) => each !== undefined)).toEqual([
    "redis-1.example:6379",
  ]);
  expect(nodes.map(({ importing }) => [...importing])).toEqual([[[5_502, "bb"]], [], [], [], [], []]);
  const [first] = nodes;
  if (first === undefined) throw new Error("no node was read");
  expect([0, 5_460, 5_461, 5_499, 5_500, 5_501].map((slot) => holdsSlot(first, slot))).toEqual([
    true,
    true,
    false,
    false,
    true,
    false,
  ]);
});
