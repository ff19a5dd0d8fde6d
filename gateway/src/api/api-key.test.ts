import { expect, test } from "vitest";
import { type ApiScope, findApiKey, isInScope } from "./api-key.ts";

const old = { name: "old", key: "k-1" };
const fresh = { name: "fresh", key: "k-2", methods: ["publish"] };

test("[API7] while two keys overlap each opens with its own scope, and nothing else opens", () => {
  expect(findApiKey("k-1", [old, fresh])).toBe(old);
  expect(findApiKey("k-2", [old, fresh])).toBe(fresh);
  expect(findApiKey("k-1", [fresh])).toBeUndefined();
  for (const given of [undefined, "", "k-", "k-11"]) expect(findApiKey(given, [old, fresh])).toBeUndefined();
  expect(findApiKey("", [])).toBeUndefined();
});

interface ScopeRow {
  readonly what: string;
  readonly scope: ApiScope;
  readonly method: string;
  readonly channels: readonly string[];
  readonly isOpen: boolean;
}

const rows: readonly ScopeRow[] = (
  [
    ["everything", {}, "publish", ["a"], true],
    ["a listed method", { methods: ["publish"] }, "publish", ["a"], true],
    ["another method", { methods: ["publish"] }, "history", ["a"], false],
    ["a fitting channel", { channels: ["news:*"] }, "publish", ["news:1"], true],
    ["another channel", { channels: ["news:*"] }, "publish", ["chat:1"], false],
    ["one of two channels", { channels: ["news:*"] }, "broadcast", ["news:1", "chat:1"], false],
    ["no channel, though channels are limited", { channels: ["news:*"] }, "info", [], false],
    ["no channel, by name", { channels: ["news:*"], methods: ["info"] }, "info", [], true],
  ] as const
).map(([what, scope, method, channels, isOpen]) => ({ what, scope, method, channels, isOpen }));

test.each(rows)("[API12] $what", ({ scope, method, channels, isOpen }) => {
  expect(isInScope(scope, method, channels)).toBe(isOpen);
});
