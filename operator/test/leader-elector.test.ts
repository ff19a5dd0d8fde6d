import { GuardedClient, LeaderElector, NotLeadingError, RESOURCES } from "@belay/operator/internal";
import { FakeClock, MemoryKube } from "@belay/testkit";
import { expect, test } from "vitest";

function candidate(kube: MemoryKube, clock: FakeClock, identity: string) {
  const changes: string[] = [];
  let cut = false;
  const reach = (): MemoryKube => {
    if (cut) throw new TypeError("fetch failed");
    return kube;
  };
  const elector = new LeaderElector({
    // A candidate's own line to the server, which can be cut: to the server that is what a kill looks like.
    client: {
      get: async (ref) => reach().get(ref),
      create: async (resource, object) => reach().create(resource, object),
      replace: async (resource, object) => reach().replace(resource, object),
    },
    namespace: "ns",
    name: "belay",
    identity,
    clock,
    random: () => 0.5,
    onChange: (leading, term) => changes.push(`${leading ? "leads" : "stops"} ${term}`),
  });
  const vanish = (): void => {
    cut = true;
  };
  return { elector, changes, vanish };
}

test("[LE1] one of two leads, and keeps leading", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const [a, b] = [candidate(kube, clock, "a"), candidate(kube, clock, "b")];
  a.elector.start();
  b.elector.start();
  for (let second = 0; second < 60; second++) {
    await clock.advance(1_000);
    expect([a.elector.leading, b.elector.leading].filter(Boolean)).toHaveLength(1);
  }
  expect([...a.changes, ...b.changes]).toEqual(["leads 0"]);
});

test("[LE2] a leader that vanishes without a word is replaced within 20 s, with a larger term", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const a = candidate(kube, clock, "a");
  a.elector.start();
  await clock.advance(2_000);
  const b = candidate(kube, clock, "b");
  b.elector.start();
  await clock.advance(2_000);
  a.vanish();
  await clock.advance(12_500);
  expect(b.elector.leading).toBe(true);
  expect(b.elector.term).toBe(1);
});

test("[LE3] a leader that cannot renew stops by its own clock before another may start", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const a = candidate(kube, clock, "a");
  a.elector.start();
  await clock.advance(1_000);
  expect(a.elector.leading).toBe(true);
  kube.fault = () => new TypeError("fetch failed");
  await clock.advance(6_000);
  expect(a.elector.leading).toBe(false);
  const client = new GuardedClient(kube, () => a.elector.leading);
  await expect(client.delete({ resource: RESOURCES.configMaps, namespace: "ns", name: "x" })).rejects.toBeInstanceOf(
    NotLeadingError,
  );
});

test("[LE4] a leader that ends gives the lease back: the standby need not wait for it to run out", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const [a, b] = [candidate(kube, clock, "a"), candidate(kube, clock, "b")];
  a.elector.start();
  await clock.advance(2_000);
  b.elector.start();
  await clock.advance(2_000);
  await a.elector.close();
  expect(a.changes.at(-1)).toBe("stops 0");
  await clock.advance(2_000);
  expect(b.elector.leading).toBe(true);
});
