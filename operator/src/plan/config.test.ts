import type { ConfigReport } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { load, observed, pod, revision } from "../../test/simulation/build.ts";
import { configActions, configApplied, isConfigSpreading } from "./config.ts";
import { eventsBetween } from "./events.ts";
import type { Observed, ObservedPod } from "./observed.ts";

const HASH = "new";

function reporting(name: string, config: ConfigReport | undefined, change: Partial<ObservedPod> = {}): ObservedPod {
  return pod(name, { load: { ...load(10), ...(config && { config }) }, ...change });
}

function seen(...pods: readonly ObservedPod[]): Observed {
  return observed([revision("a", pods)]);
}

const old: ConfigReport = { hash: "old" };
const refusing: ConfigReport = {
  hash: "old",
  refused: { hash: HASH, problems: ["channels.namespaces.2.payload.schema must compile (unknown type)"] },
};

test("[CF1] a pod is called once for a configuration, and again when it still runs another after 2 s", () => {
  const called = (atMs: number): ObservedPod => reporting("a", old, { configCall: { hash: HASH, atMs } });
  const calls = (each: ObservedPod): number => configActions(seen(each), HASH, 10_000).length;
  expect(configActions(seen(reporting("a", old)), HASH, 10_000)).toEqual([
    { type: "call-config", pod: { name: "a", uid: "a" }, hash: HASH, atMs: 10_000 },
  ]);
  expect(calls(called(9_000))).toBe(0);
  expect(calls(called(8_000))).toBe(1);
  expect(calls(reporting("a", old, { configCall: { hash: "before", atMs: 9_900 } }))).toBe(1);
  expect(calls(reporting("a", { hash: HASH }))).toBe(0);
  expect(calls(reporting("a", refusing))).toBe(0);
  // One that refused another one is called.
  expect(calls(reporting("a", { hash: "old", refused: { hash: "broken", problems: [] } }))).toBe(1);
  expect(calls(reporting("a", undefined))).toBe(0);
  expect(calls(pod("a", { load: undefined }))).toBe(0);
  expect(calls(reporting("a", old, { terminating: true }))).toBe(0);
});

const JUDGED: readonly (readonly [pods: readonly (ConfigReport | undefined)[], status: string, reason: string])[] = [
  [[{ hash: HASH }, { hash: HASH }], "True", "Applied"],
  [[{ hash: HASH }, undefined], "True", "Applied"],
  [[{ hash: HASH }, old], "False", "Spreading"],
  [[{ hash: HASH }, refusing], "False", "Refused"],
  [[{ hash: HASH, refused: { hash: "broken", problems: [] } }], "True", "Applied"],
  [[undefined], "Unknown", "NoReport"],
  [[], "Unknown", "NoReport"],
];

test.each(JUDGED)("[CF2] pods with %j: %s, %s", (configs, status, reason) => {
  const found = seen(...configs.map((config, index) => reporting(`pod-${index}`, config)));
  expect(configApplied(found, HASH)).toMatchObject({ type: "ConfigApplied", status, reason });
  expect(isConfigSpreading(found, HASH)).toBe(reason === "Spreading");
});

test("[CF3] a refusal names the field of the spec, what is wrong and what to do", () => {
  const { message } = configApplied(seen(reporting("a", { hash: HASH }), reporting("b", refusing)), HASH);
  expect(message).toBe(
    "1 of 2 pods refuse the newest configuration and keep the one before: spec.namespaces[2].payload.schema must compile (unknown type); correct the spec, because no pod can start with it (b)",
  );
});

test("[CF3] Events tell of a refusal and of the end of it", () => {
  const times = { observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" };
  const condition = (type: string, status: "True" | "False", reason: string) => ({
    type,
    status,
    reason,
    message: "m",
    ...times,
  });
  const good = {
    conditions: [condition("ConfigApplied", "True", "Applied"), condition("Degraded", "False", "AsDesired")],
  };
  const bad = {
    conditions: [condition("ConfigApplied", "False", "Refused"), condition("Degraded", "True", "ConfigRefused")],
  };
  expect(eventsBetween(good, bad)).toMatchObject([{ type: "Warning", reason: "ConfigRefused" }]);
  expect(eventsBetween(bad, good)).toMatchObject([{ type: "Normal", reason: "ConfigApplied" }]);
  expect(eventsBetween(good, good)).toEqual([]);
});
