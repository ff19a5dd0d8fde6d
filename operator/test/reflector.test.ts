import { type KubeObject, KubeError, Reflector, RESOURCES, Store } from "@belay/operator/internal";
import { fc, test as prop } from "@fast-check/vitest";
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

test("[RT9] while the server is away tries become rare, capped at 10 s, and never end", async () => {
  await using it = await follow();
  it.kube.fault = () => new TypeError("fetch failed");
  it.kube.cutWatches();
  await it.clock.advance(3_600_000);
  const pauses = it.restarts.map(({ inMs }) => inMs);
  expect(pauses.slice(0, 4)).toEqual([375, 750, 1_500, 3_000]);
  expect(Math.max(...pauses)).toBe(7_500);
  expect(pauses.length).toBeLessThan(500);
  it.kube.fault = () => undefined;
  await it.kube.create(RESOURCES.configMaps, configMap("back", "1"));
  await it.clock.advance(10_000);
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

test("[RT7] a watch whose time is up goes on where it was, without a pause and without a list", async () => {
  await using it = await follow();
  await it.clock.advance(60_000);
  it.kube.endWatches();
  await settle();
  await it.kube.create(RESOURCES.configMaps, configMap("next", "1"));
  await settle();
  expect(it.store.get("ns", "next")).toBeDefined();
  expect([it.restarts, it.kube.calls.filter((call) => call === "list configmaps").length]).toEqual([[], 1]);
});

test("[RT9] a server that ends every watch at once, even after a bookmark, is not asked in a hot loop", async () => {
  await using it = await follow();
  it.kube.endWatches();
  for (let n = 0; n < 200; n++) {
    it.kube.sendBookmarks();
    it.kube.endWatches();
    await it.clock.advance(100);
  }
  const watches = it.kube.calls.filter((call) => call === "watch configmaps").length;
  expect(watches).toBeGreaterThan(3);
  expect(watches).toBeLessThan(80);
});

test("[RT8] a list that loses its history between two pages starts again", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  for (let n = 0; n < 1_200; n++) await kube.create(RESOURCES.configMaps, configMap(`c-${n}`, "1"));
  let lists = 0;
  kube.fault = (verb) => {
    if (verb === "list") lists += 1;
    return verb === "list" && lists === 2 ? new KubeError(410, "Expired", "continue token expired") : undefined;
  };
  const store = new Store<ConfigMap>();
  const reflector = new Reflector({
    client: kube,
    resource: RESOURCES.configMaps,
    store,
    clock,
    random: () => 0.5,
  });
  reflector.start();
  await clock.advance(1_000);
  await reflector.synced;
  // One page, the one that failed, and three more.
  expect([store.size, lists]).toEqual([1_200, 5]);
  await reflector.close();
});

test("[RT6] one store filled from two namespaces keeps each when the other is listed again", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const store = new Store<ConfigMap>();
  for (const namespace of ["one", "two", "three"])
    await kube.create(RESOURCES.configMaps, { ...configMap("same", "1"), metadata: { name: "same", namespace } });
  const reflectors = ["one", "two"].map(
    (namespace) =>
      new Reflector({ client: kube, resource: RESOURCES.configMaps, namespace, store, clock, random: () => 0.5 }),
  );
  for (const reflector of reflectors) reflector.start();
  await Promise.all(reflectors.map(({ synced }) => synced));
  await kube.delete({ resource: RESOURCES.configMaps, namespace: "one", name: "same" });
  kube.compact();
  await clock.advance(10_000);
  expect(store.list().map(({ metadata }) => metadata.namespace)).toEqual(["two"]);
  await Promise.all(reflectors.map((reflector) => reflector.close()));
});

const disturbance = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("set" as const), name: fc.constantFrom("a", "b", "c", "d") }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("delete" as const), name: fc.constantFrom("a", "b", "c", "d") }),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom("cut", "compact", "end", "bookmark", "down", "busy", "up").map((kind) => ({ kind })),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(20_000) }) },
);

prop.prop([fc.array(disturbance, { maxLength: 50, size: "max" })], { numRuns: 100 })(
  "[RT9] whatever is cut, forgotten or refused meanwhile, in the end the store is what the server has, and listeners have heard it",
  async (steps) => {
    await using it = await follow();
    const heard = new Map(it.store.list().map((object) => [object.metadata.name, object.data["n"]]));
    it.store.onChange((before, after) => {
      expect(heard.get((before ?? after)?.metadata.name ?? "")).toBe(before?.data["n"]);
      // Never back to what it was before, as when a watch resumes too early.
      if (before !== undefined && after !== undefined)
        expect(Number(after.data["n"])).toBeGreaterThan(Number(before.data["n"]));
      if (after === undefined) heard.delete(before?.metadata.name ?? "");
      else heard.set(after.metadata.name, after.data["n"]);
    });
    // Writes go around the fault: only the reflector's line is disturbed.
    let fault: Error | undefined;
    it.kube.fault = (verb) => (verb === "list" || verb === "watch" ? fault : undefined);
    for (const [n, each] of steps.entries()) {
      const ref = { resource: RESOURCES.configMaps, namespace: "ns", name: "name" in each ? each.name : "" };
      const effects: Readonly<Record<string, () => unknown>> = {
        set: () => it.kube.apply(ref.resource, configMap(ref.name, String(n)), { fieldManager: "t", force: true }),
        delete: () => it.kube.delete(ref),
        cut: () => it.kube.cutWatches(),
        compact: () => it.kube.compact(),
        end: () => it.kube.endWatches(),
        bookmark: () => it.kube.sendBookmarks(),
        down: () => ((fault = new TypeError("fetch failed")), it.kube.cutWatches()),
        busy: () => ((fault = new KubeError(429, "TooManyRequests", "later", 5)), it.kube.cutWatches()),
        up: () => (fault = undefined),
        pass: () => it.clock.advance("ms" in each ? each.ms : 0),
      };
      await effects[each.kind]?.();
    }
    fault = undefined;
    await it.clock.advance(31_000);
    const { items } = await it.kube.list<ConfigMap>(RESOURCES.configMaps, { namespace: "ns" });
    const truth = Object.fromEntries(items.map((object) => [object.metadata.name, object.data["n"]]));
    expect(Object.fromEntries(it.store.list().map((object) => [object.metadata.name, object.data["n"]]))).toEqual(
      truth,
    );
    expect(Object.fromEntries(heard)).toEqual(truth);
  },
);
