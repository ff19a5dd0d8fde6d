import type { ChannelsConfig } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { checkConfig } from "../config.ts";
import { compileNamespaces } from "./compile-namespaces.ts";
import type { ChannelLookup, ChannelTable } from "./namespace.ts";

/** CPU time of this thread: by the clock a busy machine takes longer. */
const cpuMs = (): number => process.threadCpuUsage().user / 1000;

async function table(channels: ChannelsConfig): Promise<ChannelTable> {
  const checked = checkConfig({ channels });
  if (!checked.ok) throw new Error(checked.problems.join("; "));
  const compiled = await compileNamespaces(checked.config.channels);
  if (!compiled.ok) throw new Error(compiled.problems.join("; "));
  return compiled.table;
}

async function problems(channels: unknown): Promise<readonly string[]> {
  const checked = checkConfig({ channels: channels as ChannelsConfig });
  if (!checked.ok) return checked.problems;
  const compiled = await compileNamespaces(checked.config.channels);
  return compiled.ok ? [] : compiled.problems;
}

function seen(lookup: ChannelLookup): string {
  if (!lookup.ok) return lookup.reason;
  const { namespace, isPrivate, users } = lookup;
  const who = users === undefined ? "" : ` for ${[...users].join("+") || "nobody"}`;
  return `${namespace.name || "unprefixed"}${isPrivate ? " private" : ""}${who}`;
}

const NAMES: readonly (readonly [channel: string, seen: string])[] = [
  ["lobby", "unprefixed"],
  ["chat:lobby", "chat"],
  ["chat:a:b", "chat"],
  ["$chat:lobby", "chat private"],
  ["$lobby", "unprefixed private"],
  ["chat:dialog#1,2", "chat for 1+2"],
  ["chat:dialog#user:1", "chat for user:1"],
  ["dialog#user:1", "unprefixed for user:1"],
  ["#42", "unprefixed for 42"],
  ["a#b#c,d", "unprefixed for c+d"],
  ["$chat:x#1", "chat private for 1"],
  ["room#", "unprefixed for nobody"],
  ["room#,", "unprefixed for nobody"],
  ["chat2:lobby", "unknownNamespace"],
  ["Chat:lobby", "unknownNamespace"],
  [":lobby", "unknownNamespace"],
  ["chat#a:lobby", "unprefixed for a:lobby"],
  ["chat:", "badName"],
  ["$", "badName"],
  ["__proto__:x", "unknownNamespace"],
  ["constructor:x", "unknownNamespace"],
];

test.each(NAMES)("[CHN1] [CHN3] [CHN4] %s is %s", async (channel, expected) => {
  expect(seen((await table({ namespaces: [{ name: "chat" }] })).find(channel))).toBe(expected);
});

test("[CHN1] without any configuration whoever is connected may subscribe and publish to channels without a prefix, and nothing is kept", async () => {
  const lookup = (await table({})).find("lobby");
  expect(lookup.ok && lookup.namespace.allow).toMatchObject({ subscribe: "anonymous", publish: "anonymous" });
  expect(lookup.ok && lookup.namespace.history).toBe(undefined);
  expect((await table({})).find("chat:lobby").ok).toBe(false);
});

test("[CHN2] a name fits one of the patterns as a whole, without its marks", async () => {
  const channels = await table({ namespaces: [{ name: "room", namePatterns: ["[0-9]{1,6}", "lobby"] }] });
  const isFound = (name: string): boolean => channels.find(name).ok;
  expect(["room:17", "room:lobby", "$room:17", "room:17#anna"].filter(isFound).length).toBe(4);
  expect(["room:x17", "room:lobby2", "room:1234567", "room:17\n"].filter(isFound)).toEqual([]);
});

test("[CHN2] a hostile name costs no time: expressions that backtrack elsewhere are linear here", async () => {
  const channels = await table({ namespaces: [{ name: "x", namePatterns: ["(a+)+", "(a|aa)*b", "(.*)*c"] }] });
  const name = `x:${"a".repeat(250)}!`;
  const startMs = cpuMs();
  for (let round = 0; round < 100; round++) expect(channels.find(name).ok).toBe(false);
  expect(cpuMs() - startMs).toBeLessThan(1_000);
});

test("[CFG1] every problem of the namespaces is told at once, by its key", async () => {
  expect(
    await problems({
      unprefixed: { allow: { subscribe: "subscriber" } },
      namespaces: [{ name: "a b" }, { name: "ok", history: { size: 0, ttlSeconds: 1 }, nonsense: 1 }],
    }),
  ).toEqual([
    'channels.unprefixed.allow.subscribe must be none, anonymous, authenticated or token, was: "subscriber"',
    'channels.namespaces.0.name must be 1 to 64 letters, digits, _, . or -, beginning with a letter or digit, was: "a b"',
    "channels.namespaces.1.history.size must be an integer from 1 to 100000, was: 0",
    "channels.namespaces.1.nonsense must be a known key",
  ]);
  expect(await problems({ namespaces: [{ name: "a" }, { name: "a" }] })).toEqual([
    expect.stringContaining("channels.namespaces must have different names"),
  ]);
  expect(await problems({ namespaces: [{ name: "a", recovery: { mode: "cache" } }] })).toEqual([
    expect.stringContaining("channels.namespaces.0.history must be set where recovery is forced or of mode cache"),
  ]);
  expect(
    await problems({
      namespaces: [{ name: "a", namePatterns: ["(?=x)"], payload: { schema: { type: "nope" } } }],
    }),
  ).toEqual([
    "channels.namespaces.0.namePatterns.0 must be an RE2 expression that is not too large, was: (?=x)",
    expect.stringContaining("channels.namespaces.0.payload.schema must compile"),
  ]);
});

test("[CFG1] only tags that run nothing may stay", async () => {
  expect(
    await problems({ namespaces: [{ name: "b", payload: { sanitize: [{ path: "/a", allowedTags: ["script"] }] } }] }),
  ).toEqual([
    expect.stringMatching(
      /^channels\.namespaces\.0\.payload\.sanitize\.0\.allowedTags\.0 must be a, .*, was: "script"$/,
    ),
  ]);
});

test("rpc methods with a prefix are those of its namespace", async () => {
  const channels = await table({ namespaces: [{ name: "shop", hooks: { rpc: false } }, { name: "chat" }] });
  expect(channels.hasRpcHook("shop:buy")).toBe(false);
  expect(channels.hasRpcHook("chat:say")).toBe(true);
  expect(channels.hasRpcHook("other:say")).toBe(true);
  expect(channels.hasRpcHook("say")).toBe(true);
});
