import { type Clock, GuardedClient, LeaderElector, NotLeadingError, RESOURCES } from "@belay/operator/internal";
import { FakeClock, MemoryKube } from "@belay/testkit";
import { expect, test } from "vitest";

function candidate(kube: MemoryKube, clock: Clock, identity: string) {
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

test("[LE3] the end of leading is told at the deadline, also while the renewal hangs", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const a = candidate(kube, clock, "a");
  a.elector.start();
  await clock.advance(1_000);
  expect(a.changes).toEqual(["leads 0"]);
  const hanging = Promise.withResolvers<undefined>();
  kube.fault = () => hanging.promise;
  await clock.advance(7_000);
  expect(a.changes).toEqual(["leads 0", "stops 0"]);
  // Nobody has taken the lease meanwhile: the first renewal that succeeds makes it the leader again, in the same term.
  kube.fault = () => undefined;
  hanging.resolve(undefined);
  await clock.advance(2_000);
  expect(a.changes).toEqual(["leads 0", "stops 0", "leads 0"]);
});

test("[LE3] an end of leading that no timer could tell of is told with the renewal after it", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  // The process stands still: time goes on, and no timer runs.
  let stoodMs = 0;
  const standing: Clock = {
    nowMs: () => clock.nowMs() + stoodMs,
    date: () => clock.date(),
    after: (ms, call) => clock.after(ms, call),
  };
  const a = candidate(kube, standing, "a");
  a.elector.start();
  await clock.advance(1_000);
  const seen: boolean[] = [];
  kube.fault = (verb) => {
    if (verb === "update" && stoodMs === 0) {
      stoodMs = 4_800;
      seen.push(a.elector.leading);
    }
    return undefined;
  };
  await clock.advance(1_000);
  // Who asked in between did nothing, and has to be called again.
  expect(seen).toEqual([false]);
  expect(a.elector.leading).toBe(true);
  expect(a.changes).toEqual(["leads 0", "stops 0", "leads 0"]);
});

test("[LE3] a renewal that arrives after the standby took over does not make a second leader", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const [a, b] = [candidate(kube, clock, "a"), candidate(kube, clock, "b")];
  a.elector.start();
  await clock.advance(1_000);
  // The renewal of the first hangs between reading and writing, until the second leads.
  const hanging = Promise.withResolvers<undefined>();
  kube.fault = (verb) => (verb === "update" ? hanging.promise : undefined);
  await clock.advance(2_000);
  kube.fault = () => undefined;
  b.elector.start();
  await clock.advance(12_000);
  expect([a.elector.leading, b.elector.leading]).toEqual([false, true]);
  hanging.resolve(undefined);
  for (let second = 0; second < 10; second++) {
    await clock.advance(1_000);
    expect([a.elector.leading, b.elector.leading]).toEqual([false, true]);
  }
});

test("[LE3] clocks that differ by hours change nothing: only what is seen to change counts", async () => {
  const [kube, clock, late] = [new MemoryKube(), new FakeClock(), new FakeClock()];
  await late.advance(5 * 3_600_000);
  const [a, b] = [candidate(kube, clock, "a"), candidate(kube, late, "b")];
  a.elector.start();
  await clock.advance(1_000);
  b.elector.start();
  for (let second = 0; second < 60; second++) {
    await Promise.all([clock.advance(1_000), late.advance(1_000)]);
    expect([a.elector.leading, b.elector.leading]).toEqual([true, false]);
  }
});

test("[LE4] ending does not wait longer than 3 s for an API server that hangs, and leads no more from the first moment", async () => {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const a = candidate(kube, clock, "a");
  a.elector.start();
  await clock.advance(1_000);
  kube.fault = () => new Promise(() => undefined);
  await clock.advance(2_000);
  expect(a.elector.leading).toBe(true);
  let ended = false;
  const ending = a.elector.close().then(() => (ended = true));
  expect([a.elector.leading, a.changes.at(-1)]).toEqual([false, "stops 0"]);
  await clock.advance(2_999);
  expect(ended).toBe(false);
  await clock.advance(1);
  expect([await ending, clock.waiting]).toEqual([true, 0]);
});
