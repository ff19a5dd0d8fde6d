import { expect, test } from "vitest";
import { load } from "../../test/simulation/build.ts";
import { totalConnections } from "./connections.ts";
import type { SeenLoad } from "./load-client.ts";
import type { PodObject } from "./objects.ts";

function podObject(name: string, change: { readonly started?: boolean; readonly running?: boolean } = {}): PodObject {
  const { started = true, running = true } = change;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, uid: name },
    status: {
      podIP: "198.18.0.1",
      containerStatuses: [{ name: "gateway", started, state: running ? { running: {} } : { waiting: {} } }],
    },
  };
}

const seen = (connections: number, atMs: number): SeenLoad => ({ report: load(connections), atMs });
const all = { wanted: 2, nowMs: 10_000, freshMs: 5_000 };

test.each<[string, readonly PodObject[], Record<string, SeenLoad>, unknown]>([
  [
    "the sum, as old as its oldest part",
    [podObject("a"), podObject("b")],
    { a: seen(3, 9_000), b: seen(4, 8_000) },
    { value: 7, atMs: 8_000 },
  ],
  ["one pod has not said", [podObject("a"), podObject("b")], { a: seen(3, 9_000) }, undefined],
  ["one pod's count is old", [podObject("a"), podObject("b")], { a: seen(3, 9_000), b: seen(4, 4_000) }, undefined],
  [
    "a pod that has never been up holds no client",
    [podObject("a"), podObject("b", { started: false })],
    { a: seen(3, 9_000) },
    { value: 3, atMs: 9_000 },
  ],
  [
    "a pod whose process does not run holds none",
    [podObject("a"), podObject("b", { running: false })],
    { a: seen(3, 9_000) },
    { value: 3, atMs: 9_000 },
  ],
  ["none runs although some are wanted", [], {}, undefined],
  ["only starting ones", [podObject("a", { started: false })], {}, undefined],
])("[ST2] %s", (_name, pods, loads, total) => {
  expect(totalConnections(pods, (uid) => loads[uid], all)).toEqual(total);
});

test("[ST2] none wanted and none there is 0", () => {
  expect(totalConnections([], () => undefined, { ...all, wanted: 0 })).toEqual({ value: 0, atMs: 10_000 });
});
