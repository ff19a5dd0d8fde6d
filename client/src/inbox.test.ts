import { expect, test } from "vitest";
import { Inbox } from "./inbox.ts";

test("[SDK26] a message of the inbox is shown once, and the inbox is opened behind the newest one shown", () => {
  const inbox = new Inbox("phone");
  expect(inbox.request()).toEqual({ group: "phone" });
  inbox.opened({ group: "phone", epoch: "a", offset: 3 });
  const shown = [4, 5, 4, 5, 6].map((offset) => inbox.arrived("a", { data: offset, offset })?.offset);
  expect(shown).toEqual([4, 5, undefined, undefined, 6]);
  expect(inbox.request()).toEqual({ group: "phone", epoch: "a", offset: 6 });
  expect(inbox.arrived("b", { data: 1, offset: 1 })).toEqual({ data: 1, epoch: "b", offset: 1 });
  expect(inbox.arrived("a", { data: 6, offset: 6 })).toBeUndefined();
});
