import { expect, test } from "vitest";
import { checkConfig } from "../config.ts";

test("[INB14] inboxes are off by default; a namespace of inboxes needs them", () => {
  expect(checkConfig({})).toMatchObject({
    config: { inbox: { enabled: false, size: 1000, ttlSeconds: 604_800 } },
  });
  const channels = { namespaces: [{ name: "inbox", inbox: true }] };
  expect(checkConfig({ channels, inbox: { enabled: true } })).toMatchObject({ ok: true });
  const problem = "inbox.enabled must be true where a namespace has inbox, was: ";
  expect(checkConfig({ channels })).toMatchObject({ problems: [expect.stringContaining(problem)] });
  expect(checkConfig({ channels: { unprefixed: { inbox: true } } })).toMatchObject({ ok: false });
});

test.each([
  { history: { size: 1, ttlSeconds: 1 } },
  { forcePositioning: true },
  { presence: true },
  { joinLeave: "OnRequest" },
  { delta: "Always" },
  { tagsFilter: true },
  { ephemeral: true },
  { payload: { format: "binary" } },
] as const)("[INB14] an inbox goes with no %o", (option) => {
  const namespaces = [{ name: "inbox", inbox: true, ...option }];
  expect(checkConfig({ inbox: { enabled: true }, channels: { namespaces } })).toMatchObject({
    problems: [expect.stringContaining("channels.namespaces.0.inbox must be false beside")],
  });
});

test("[INB14] everything that is wrong is said at once", () => {
  const inbox = { enabled: 1, size: 0, ttlSeconds: 31_536_001 } as never;
  expect(checkConfig({ inbox })).toEqual({
    ok: false,
    problems: [
      "inbox.enabled must be true or false, was: 1",
      "inbox.size must be an integer from 1 to 100000, was: 0",
      "inbox.ttlSeconds must be an integer from 1 to 31536000, was: 31536001",
    ],
  });
});
