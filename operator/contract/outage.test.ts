import {
  type KubeObject,
  type KubeTimeouts,
  Reflector,
  RESOURCES,
  runController,
  Store,
  systemClock,
  systemRandom,
  WorkQueue,
} from "@belay/operator/internal";
import { ControlPlane, controlPlaneBinaries, eventually, TcpProxy } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

const bin = controlPlaneBinaries();

interface ConfigMap extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

function configMap(name: string, n: number): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "default", labels: { outage: "yes" } },
    data: { n: String(n) },
  };
}

describe.skipIf(bin === undefined)("the runtime and a real API server that goes away", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await ControlPlane.start(bin ?? "");
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  /** A reflector with a line of its own to the server; its requests are counted by verb. */
  async function follow(options: { readonly kubeconfigFile?: string; readonly timeouts?: KubeTimeouts } = {}) {
    const requests = { list: 0, watch: 0, failed: 0 };
    const line = await plane.connect({
      ...options,
      onRequest: (verb, _resource, code) => {
        if (verb === "list" || verb === "watch") requests[verb] += 1;
        if (code === "error") requests.failed += 1;
      },
    });
    const store = new Store<ConfigMap>();
    const reflector = new Reflector({
      client: line.client,
      resource: RESOURCES.configMaps,
      namespace: "default",
      labelSelector: "outage=yes",
      store,
      clock: systemClock,
      random: systemRandom,
    });
    reflector.start();
    await reflector.synced;
    onTestFinished(async () => {
      await reflector.close();
      await line[Symbol.asyncDispose]();
    });
    return { store, requests };
  }

  test("[RT7] what happens while a watch is cut is seen after it, by resuming, not by a new list", async () => {
    await using admin = await plane.connect();
    const proxy = await TcpProxy.start(plane.port);
    const { store, requests } = await follow({ kubeconfigFile: await plane.kubeconfigThrough(proxy.port) });
    const versions: string[] = [];
    store.onChange((_before, after) => versions.push(`${after?.metadata.name ?? "gone"} ${after?.data["n"] ?? ""}`));
    await admin.client.create(RESOURCES.configMaps, configMap("cut", 0));
    for (let n = 1; n <= 40; n++) {
      // The wire is cut in the middle of the changes, again and again.
      if (n % 10 === 5) proxy.cut();
      if (n % 10 === 8) proxy.mend();
      await admin.client.apply(RESOURCES.configMaps, configMap("cut", n), { fieldManager: "t", force: true });
    }
    await admin.client.delete({ resource: RESOURCES.configMaps, namespace: "default", name: "cut" });
    await eventually("the deletion is seen", 20_000, () => versions.at(-1) === "gone ");
    expect(versions).toEqual([...Array.from({ length: 41 }, (_, n) => `cut ${n}`), "gone "]);
    expect(requests.list).toBe(1);
  });

  test("[RT9] an API server that hangs is tried rarely; when it goes on, so does everything", async () => {
    await using admin = await plane.connect();
    const followed = await Promise.all(
      Array.from({ length: 10 }, () => follow({ timeouts: { callMs: 1_000, watchIdleMs: 2_000 } })),
    );
    plane.pauseApiServer();
    onTestFinished(() => plane.resumeApiServer());
    await eventually("all have noticed, and tried again", 30_000, () =>
      followed.every(({ requests }) => requests.failed >= 3),
    );
    const tries = followed.map(({ requests }) => requests.watch + requests.list);
    expect(Math.max(...tries)).toBeLessThan(10);
    plane.resumeApiServer();
    await admin.client.create(RESOURCES.configMaps, configMap("after-the-pause", 1));
    await eventually("all see what is new", 45_000, () =>
      followed.every(({ store }) => store.get("default", "after-the-pause") !== undefined),
    );
  });

  test("[RT9] an API server that is killed and started again: everything is caught up with, without a storm", async () => {
    await using admin = await plane.connect();
    await admin.client.create(RESOURCES.configMaps, configMap("deleted-meanwhile", 1));
    const followed = await Promise.all(Array.from({ length: 10 }, () => follow()));
    const queue = new WorkQueue(systemClock, systemRandom);
    let writes = 0;
    const done = new Set<string>();
    const running = runController({
      queue,
      workers: 4,
      reconcile: async (key) => {
        writes += 1;
        await admin.client.apply(RESOURCES.configMaps, configMap(key, 1), { fieldManager: "t", force: true });
        done.add(key);
        return {};
      },
    });
    onTestFinished(async () => {
      queue.close();
      await running;
    });
    await plane.killApiServer();
    const keys = Array.from({ length: 20 }, (_, n) => `worked-${n}`);
    for (const key of keys) queue.add(key);
    const before = followed.map(({ requests }) => requests.list + requests.watch);
    await eventually("every reflector has failed several times", 30_000, () =>
      followed.every(({ requests }) => requests.failed >= 4),
    );
    const during = followed.map(({ requests }, n) => requests.list + requests.watch - (before[n] ?? 0));
    // 375 ms doubling: within the 6 s or so that four failures take nobody comes to ten.
    expect(Math.max(...during)).toBeLessThan(10);
    // 5 ms doubling: eleven tries of a key take more than 5 s.
    expect(writes).toBeLessThan(20 * 14);
    await plane.startApiServer();
    await admin.client.delete({ resource: RESOURCES.configMaps, namespace: "default", name: "deleted-meanwhile" });
    await eventually("the work is done", 60_000, () => done.size === keys.length);
    await eventually("all stores are equal to the server", 60_000, () =>
      followed.every(
        ({ store }) =>
          store.get("default", "deleted-meanwhile") === undefined &&
          keys.every((key) => store.get("default", key) !== undefined),
      ),
    );
  });
});
