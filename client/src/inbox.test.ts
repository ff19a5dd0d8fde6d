import { expect, test } from "vitest";
import { InboxLostError } from "./errors.ts";
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

test("[SDK26] an inbox of which messages were lost goes on at the server's place, and any other at its own", () => {
  const inbox = new Inbox("phone");
  inbox.opened({ group: "phone", epoch: "a", offset: 3 });
  inbox.arrived("a", { data: 4, offset: 4 });
  expect(inbox.opened({ group: "phone", epoch: "a", offset: 2 })).toBeUndefined();
  expect(inbox.request()).toEqual({ group: "phone", epoch: "a", offset: 4 });
  expect(inbox.opened({ group: "phone", epoch: "a", offset: 7, lost: true })).toBeInstanceOf(InboxLostError);
  expect(inbox.request()).toEqual({ group: "phone", epoch: "a", offset: 7 });
  expect(inbox.arrived("a", { data: 8, offset: 8 })?.offset).toBe(8);
});
