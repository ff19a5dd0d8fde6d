import { type KubeObject, KubeError, Reflector, RESOURCES, Store } from "@belay/operator/internal";
import { FakeClock, MemoryKube, settle } from "@belay/testkit";
import { expect, test } from "vitest";

interface ConfigMap extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

function configMap(name: string, n: string): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "ns" }, data: { n } };
}

async function follow() {
  const kube = new MemoryKube();
  const clock = new FakeClock();
  const store = new Store<ConfigMap>((object) => object.data["n"]);
  const restarts: { relist: boolean; inMs: number }[] = [];
  const reflector = new Reflector({
    client: kube,
    resource: RESOURCES.configMaps,
    namespace: "ns",
    store,
    clock,
    random: () => 0.5,
    onRestart: ({ relist, inMs }) => restarts.push({ relist, inMs }),
  });
  await kube.create(RESOURCES.configMaps, configMap("first", "1"));
  reflector.start();
  await reflector.synced;
  await settle();
  return { kube, clock, store, reflector, restarts, [Symbol.asyncDispose]: () => reflector.close() };
}

test("[RT6] the store follows creation, change and deletion, and knows groups", async () => {
  await using it = await follow();
  const seen: string[] = [];
  it.store.onChange((before, after) => seen.push(`${before?.data["n"] ?? "-"}>${after?.data["n"] ?? "-"}`));
  await it.kube.create(RESOURCES.configMaps, configMap("second", "1"));
  await it.kube.patch(
    { resource: RESOURCES.configMaps, namespace: "ns", name: "second" },
    { type: "merge", body: { data: { n: "2" } } },
  );
  await settle();
  expect(it.store.group("1").map(({ metadata }) => metadata.name)).toEqual(["first"]);
  expect(it.store.group("2").map(({ metadata }) => metadata.name)).toEqual(["second"]);
  await it.kube.delete({ resource: RESOURCES.configMaps, namespace: "ns", name: "second" });
  await settle();
  expect([seen, it.store.size]).toEqual([["->1", "1>2", "2>-"], 1]);
});

test("[RT7] after a cut the watch resumes: what happened meanwhile is seen, and nothing is listed again", async () => {
  await using it = await follow();
  it.kube.cutWatches();
  await settle();
  await it.kube.create(RESOURCES.configMaps, configMap("meanwhile", "1"));
  await it.clock.advance(1_000);
  expect(it.store.get("ns", "meanwhile")).toBeDefined();
  expect(it.kube.calls.filter((call) => call === "list configmaps")).toHaveLength(1);
});

test("[RT8] a version that is too old means a new list, also of what was deleted meanwhile", async () => {
  await using it = await follow();
  it.kube.fault = (verb) => (verb === "watch" ? new TypeError("fetch failed") : undefined);
  it.kube.cutWatches();
  await settle();
  await it.kube.delete({ resource: RESOURCES.configMaps, namespace: "ns", name: "first" });
  await it.kube.create(RESOURCES.configMaps, configMap("later", "1"));
  it.kube.compact();
  it.kube.fault = () => undefined;
  await it.clock.advance(10_000);
  expect(it.restarts.some(({ relist }) => relist)).toBe(true);
  expect(it.store.list().map(({ metadata }) => metadata.name)).toEqual(["later"]);
});

test("[RT9] while the server is away tries become rare, capped at 30 s, and never end", async () => {
  await using it = await follow();
  it.kube.fault = () => new TypeError("fetch failed");
  it.kube.cutWatches();
  await it.clock.advance(3_600_000);
  const pauses = it.restarts.map(({ inMs }) => inMs);
  expect(pauses.slice(0, 4)).toEqual([375, 750, 1_500, 3_000]);
  expect(Math.max(...pauses)).toBe(22_500);
  expect(pauses.length).toBeLessThan(200);
  it.kube.fault = () => undefined;
  await it.kube.create(RESOURCES.configMaps, configMap("back", "1"));
  await it.clock.advance(30_000);
  expect(it.store.get("ns", "back")).toBeDefined();
});

test("[RT10] 429 with Retry-After is waited for", async () => {
  await using it = await follow();
  it.kube.fault = (verb) => (verb === "watch" ? new KubeError(429, "TooManyRequests", "later", 12) : undefined);
  it.kube.cutWatches();
  await it.clock.advance(1_000);
  const calls = it.kube.calls.length;
  await it.clock.advance(11_000);
  expect(it.kube.calls.length).toBe(calls);
  await it.clock.advance(2_000);
  expect(it.kube.calls.length).toBe(calls + 1);
});
