import {
  type KubeObject,
  LeaderElector,
  RESOURCES,
  systemClock,
  systemRandom,
  type KubeTimeouts,
  EventRecorder,
} from "@belay/operator/internal";
import { ControlPlane, controlPlaneBinaries, eventually, TcpProxy } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

const bin = controlPlaneBinaries();

interface Event extends KubeObject {
  readonly note: string;
  readonly regarding: { readonly uid: string };
  readonly series?: { readonly count: number };
}

describe.skipIf(bin === undefined)("leases and events on a real API server", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await ControlPlane.start(bin ?? "");
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  async function candidate(lease: string, identity: string, options: { kubeconfigFile?: string } = {}) {
    const timeouts: KubeTimeouts = { callMs: 15_000, watchIdleMs: 90_000 };
    const line = await plane.connect({ ...options, timeouts });
    const changes: { readonly leading: boolean; readonly atMs: number }[] = [];
    const elector = new LeaderElector({
      client: line.client,
      namespace: "default",
      name: lease,
      identity,
      clock: systemClock,
      random: systemRandom,
      onChange: (leading) => changes.push({ leading, atMs: systemClock.nowMs() }),
    });
    elector.start();
    onTestFinished(async () => {
      await elector.close();
      await line[Symbol.asyncDispose]();
    });
    return { elector, changes };
  }

  test("[LE2][LE3] a leader that is cut off stops before the standby takes over, and that is within 20 s", async () => {
    const proxy = await TcpProxy.start(plane.port);
    const cut = await candidate("cut", "a", { kubeconfigFile: await plane.kubeconfigThrough(proxy.port) });
    await eventually("the first leads", 10_000, () => cut.elector.leading);
    const standby = await candidate("cut", "b");
    // Both sides believe the connection to be healthy: a call hangs for longer than the lease lasts.
    const cutAtMs = systemClock.nowMs();
    expect(proxy.swallowReplies("")).toBeGreaterThan(0);
    await eventually("the standby leads", 20_000, () => {
      expect(cut.elector.leading && standby.elector.leading).toBe(false);
      return standby.elector.leading;
    });
    expect(standby.elector.term).toBe(1);
    const stopped = cut.changes.find(({ leading }) => !leading);
    const started = standby.changes.find(({ leading }) => leading);
    expect(stopped?.atMs).toBeLessThan(started?.atMs ?? 0);
    expect((started?.atMs ?? 0) - cutAtMs).toBeLessThan(20_000);
  });

  test("[LE4] a leader that ends gives the lease back: the standby leads within 3 s", async () => {
    const first = await candidate("released", "a");
    await eventually("the first leads", 10_000, () => first.elector.leading);
    const second = await candidate("released", "b");
    await first.elector.close();
    expect(first.elector.leading).toBe(false);
    await eventually("the second leads", 3_000, () => second.elector.leading);
  });

  test("[LE1] of ten that start at once one leads", async () => {
    const all = await Promise.all(Array.from({ length: 10 }, (_, n) => candidate("ten", `candidate-${n}`)));
    await eventually("one leads", 10_000, () => all.some(({ elector }) => elector.leading));
    await eventually("two rounds have passed", 10_000, () => {
      expect(all.filter(({ elector }) => elector.leading)).toHaveLength(1);
      return systemClock.nowMs() - (all.flatMap(({ changes }) => changes)[0]?.atMs ?? 0) > 4_000;
    });
  });

  test("[EV1] an event said again is one event with a count, and a note may be longer than the server takes", async () => {
    await using line = await plane.connect();
    const { client } = line;
    const about = await client.create<KubeObject>(RESOURCES.configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "told-about", namespace: "default" },
    });
    const errors: unknown[] = [];
    const recorder = new EventRecorder({
      client,
      clock: systemClock,
      instance: "operator-1",
      onError: (error) => errors.push(error),
    });
    const long = { type: "Warning", reason: "Tried", action: "Contract", note: "ä".repeat(1_000) } as const;
    const events = async (): Promise<readonly Event[]> => {
      const { items } = await client.list<Event>(RESOURCES.events, { namespace: "default" });
      return items.filter(({ regarding }) => regarding.uid === about.metadata.uid);
    };
    recorder.record(about, long);
    recorder.record(about, { ...long, note: "short" });
    await eventually("both are there", 5_000, async () => (await events()).length === 2);
    recorder.record(about, long);
    recorder.record(about, long);
    const repeated = await eventually("the count is there", 5_000, async () =>
      (await events()).find(({ series }) => series?.count === 3),
    );
    expect(repeated.note).toBe("ä".repeat(512));
    expect([(await events()).length, errors]).toEqual([2, []]);
  });
});
