import { expect, test } from "vitest";
import { nodeOfConnectReply } from "./connect-reply.ts";

test.each([
  ["a connect reply", '{"id":1,"connect":{"client":"c","node":"pod-1"}}', "pod-1"],
  ["a connect reply with others behind it", '{"id":1,"connect":{"node":"pod-2"}}\n{"id":2,"subscribe":{}}', "pod-2"],
  ["a connect reply without a node", '{"id":1,"connect":{"client":"c"}}', undefined],
  ["a node that is no text", '{"id":1,"connect":{"node":7}}', undefined],
  ["a publication that speaks of connect", '{"push":{"pub":{"data":{"text":"connect"}}}}', undefined],
  ["half a frame", '{"id":1,"connect":{"no', undefined],
  ["null with the word behind it", 'null\n"connect"', undefined],
  ["a ping", "{}", undefined],
  ["bytes", new ArrayBuffer(2), undefined],
])("%s", (_, frame, node) => {
  expect(nodeOfConnectReply(frame)).toBe(node);
});
