import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { openRedisRegistry, type RedisRegistryOptions, type Registry, type SweptLease } from "@belay/gateway/internal";
import { eventually, startRedis, TcpProxy } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { testRuntime } from "./redis-test-runtime.ts";

/** The documented times, ten times faster. */
const TIMING = { beatIntervalMs: 300, deadAfterMs: 1_000, awayAfterMs: 600, graceMs: 1_200 };
/** Nobody is swept, however long a pod is silent. */
const NEVER_DEAD = { ...TIMING, deadAfterMs: 60_000 };

interface Pod {
  readonly registry: Registry;
  readonly swept: SweptLease[];
  readonly leases: () => number;
}

async function openPod(url: string, podUid: string, options: Partial<RedisRegistryOptions> = {}): Promise<Pod> {
  const swept: SweptLease[] = [];
  let leases = 0;
  const registry = openRedisRegistry({
    url,
    prefix: "t:",
    podUid,
    revision: "r",
    timing: TIMING,
    ...testRuntime(),
    onSweep: (each) => void swept.push(each),
    onLease: () => (leases += 1),
    ...options,
  });
  onTestFinished(() => registry.close());
  await registry.start();
  return { registry, swept, leases: () => leases };
}

function openClient(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

/** Pod uid of every entry, as docs/redis.md says to read them. */
async function owningPods(client: Redis): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const key of await client.keys("t:*}u:*")) {
    for (const value of Object.values(await client.hgetall(key))) {
      const podUid = value.split(" ", 1)[0] ?? "";
      counts.set(podUid, (counts.get(podUid) ?? 0) + 1);
    }
  }
  return counts;
}

function addMany({ registry }: Pod, podUid: string, count: number): void {
  for (let index = 0; index < count; index += 1)
    void registry.add({ user: `user-${index % 100}`, client: `${podUid}-${index}` });
}

async function startPodProcess(url: string, podUid: string, count: number): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("redis-registry-pod.ts", import.meta.url));
  const child = spawn(
    process.execPath,
    ["--conditions=@belay/source", script, url, podUid, String(count), JSON.stringify(TIMING)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

test("[RG7] the keys in Redis are as documented, and a pod that closes leaves none", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const pod = await openPod(redis.url, "pod-a");
  void pod.registry.add({ user: "ann", client: "c1" });
  await pod.registry.flush(2_000);
  const row = (await client.hget("t:{L}:pods", "pod-a")) ?? "";
  expect(row).toMatch(/^\d{13} \d{13} r$/);
  const [term] = row.split(" ");
  const [userKey] = await client.keys("t:*u:*");
  const [indexKey] = await client.keys("t:*p:pod-a:*");
  expect(userKey).toMatch(/^t:\{[a-z0-9]+\}u:ann$/);
  expect(indexKey).toMatch(new RegExp(`^t:\\{[a-z0-9]+\\}p:pod-a:${term}:\\d+$`));
  expect(await client.hget(userKey ?? "", "c1")).toMatch(new RegExp(`^pod-a ${term} 1 - \\d{13}$`));
  expect(await client.hgetall(indexKey ?? "")).toEqual({ c1: "ann" });
  await pod.registry.close();
  expect((await client.keys("*")).filter((key) => key !== "t:{L}:calm")).toEqual([]);
});

test("[RG8] a killed pod's entries are swept within two tenths of a lease after it ended, once, by one survivor", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const survivors = await Promise.all(["pod-a", "pod-b", "pod-c"].map((uid) => openPod(redis.url, uid)));
  for (const [index, pod] of survivors.entries()) addMany(pod, `pod-${"abc"[index]}`, 50);
  const child = await startPodProcess(redis.url, "victim", 3_000);
  expect((await owningPods(client)).get("victim")).toBe(3_000);
  // No lease ends in the first seconds of a Redis.
  await eventually("the grace is over", 5_000, async () => (await client.get("t:{L}:calm")) === null);
  child.kill("SIGKILL");
  const killedAtMs = performance.now();
  await eventually("swept", 5_000, async () => !(await owningPods(client)).has("victim"));
  const tookMs = performance.now() - killedAtMs;
  console.log(`3,000 entries gone ${Math.round(tookMs)} ms after SIGKILL with a lease of ${TIMING.deadAfterMs} ms`);
  expect(tookMs).toBeLessThan(TIMING.deadAfterMs * 1.2 + 300);
  await eventually("the sweep is over", 2_000, async () => (await client.exists("t:{L}:dead")) === 0);
  const swept = survivors.flatMap((pod) => pod.swept);
  expect(swept.map(({ podUid, entries }) => [podUid, entries])).toEqual([["victim", 3_000]]);
  expect(await client.keys("t:*p:victim:*")).toEqual([]);
  expect(await owningPods(client)).toEqual(
    new Map([
      ["pod-a", 50],
      ["pod-b", 50],
      ["pod-c", 50],
    ]),
  );
  await expect(survivors[0]?.registry.liveNodes()).resolves.toHaveLength(3);
});

test("[RG8] a lone survivor does not wait for its next regular beat", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const slow = { beatIntervalMs: 6_000, deadAfterMs: 1_000, awayAfterMs: 60_000, graceMs: 100 };
  const survivor = await openPod(redis.url, "pod-a", { timing: slow });
  const child = await startPodProcess(redis.url, "victim", 10);
  // The survivor has seen the victim.
  await survivor.registry.owners("user-1");
  await expect(survivor.registry.liveNodes()).resolves.toHaveLength(2);
  child.kill("SIGKILL");
  await eventually(
    "swept",
    slow.deadAfterMs + 0.1 * slow.beatIntervalMs + 1_000,
    async () => !(await owningPods(client)).has("victim"),
  );
  // The last entry goes a moment before the sweep is reported.
  await eventually("reported", 1_000, () => survivor.swept.length > 0);
  expect(survivor.swept.map(({ podUid }) => podUid)).toEqual(["victim"]);
});

test("[RG9] a container that starts again in the same pod takes a new term, and what its former life left is swept at once", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const child = await startPodProcess(redis.url, "same", 200);
  child.kill("SIGKILL");
  const pod = await openPod(redis.url, "same", { timing: NEVER_DEAD });
  void pod.registry.add({ user: "user-1", client: "new" });
  await eventually("only the new entry", 3_000, async () => (await owningPods(client)).get("same") === 1);
  await eventually("reported", 3_000, () => pod.swept.length > 0);
  expect(pod.swept.map(({ podUid, entries }) => [podUid, entries])).toEqual([["same", 200]]);
  expect(await pod.registry.owners("user-1")).toEqual([{ client: "new", podUid: "same" }]);
});

test("[RG10] Redis comes back empty: everything that is still held is written again, nobody is swept", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const pods = [await openPod(redis.url, "pod-a"), await openPod(redis.url, "pod-b")] as const;
  for (const [index, pod] of pods.entries()) addMany(pod, `pod-${"ab"[index]}`, 500);
  await Promise.all(pods.map((pod) => pod.registry.flush(2_000)));
  await redis.kill();
  pods[0].registry.remove({ user: "user-0", client: "pod-a-0" });
  void pods[1].registry.add({ user: "late", client: "pod-b-late" });
  await redis.start();
  await eventually("all again", 5_000, async () => {
    const owning = await owningPods(client);
    return owning.get("pod-a") === 499 && owning.get("pod-b") === 501;
  });
  // The leases of before are gone through, and nothing is found under them.
  expect(pods.flatMap((pod) => pod.swept).filter(({ entries }) => entries > 0)).toEqual([]);
});

test("[RG10] Redis comes back with older data: what it forgot is written, what was removed meanwhile is swept", async () => {
  const redis = await startRedis({ persistent: true });
  const client = openClient(redis.url);
  const pod = await openPod(redis.url, "pod-a");
  addMany(pod, "pod-a", 100);
  await pod.registry.flush(2_000);
  await redis.stop();
  for (let index = 0; index < 40; index += 1) pod.registry.remove({ user: `user-${index}`, client: `pod-a-${index}` });
  await redis.start();
  await eventually("60 left", 5_000, async () => (await owningPods(client)).get("pod-a") === 60);
  expect(pod.leases()).toBe(2);
});

test("[RG11] Redis hangs for longer than a lease: on its return nobody is swept", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const pods = [
    await openPod(redis.url, "pod-a"),
    await openPod(redis.url, "pod-b"),
    await openPod(redis.url, "pod-c"),
  ] as const;
  for (const pod of pods) addMany(pod, "x", 10);
  await eventually("the grace is over", 5_000, async () => (await client.get("t:{L}:calm")) === null);
  redis.pause();
  await eventually("every lease is lost", 5_000, () => pods.every((pod) => !pod.registry.leaseHeld));
  redis.resume();
  await eventually("every lease is held", 5_000, () => pods.every((pod) => pod.registry.leaseHeld));
  await eventually(
    "a calm time was declared and is over",
    5_000,
    async () => (await client.get("t:{L}:calm")) === null,
  );
  expect(pods.flatMap((pod) => pod.swept)).toEqual([]);
  expect(pods.map((pod) => pod.leases())).toEqual([1, 1, 1]);
});

test("[RG12] a pod that is cut off is swept; it knows, and when it comes back it registers everything again under a new term", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const proxy = await TcpProxy.start(redis.port);
  const survivor = await openPod(redis.url, "survivor");
  const pod = await openPod(`redis://127.0.0.1:${proxy.port}`, "island");
  addMany(pod, "island", 1_500);
  await pod.registry.flush(3_000);
  await eventually("the grace is over", 5_000, async () => (await client.get("t:{L}:calm")) === null);
  proxy.cut();
  await eventually("swept", 5_000, async () => !(await owningPods(client)).has("island"));
  await eventually("the island knows", 2_000, () => !pod.registry.leaseHeld);
  await expect(pod.registry.owners("user-1")).rejects.toThrow("Redis");
  // Who connects meanwhile does not wait for Redis.
  await pod.registry.add({ user: "user-1", client: "island-new" });
  proxy.mend();
  await eventually("all again", 5_000, async () => (await owningPods(client)).get("island") === 1_501);
  expect(pod.registry.leaseHeld).toBe(true);
  expect(pod.leases()).toBe(2);
  await eventually("nothing left to sweep", 3_000, async () => (await client.exists("t:{L}:dead")) === 0);
  expect((await owningPods(client)).get("island")).toBe(1_501);
  expect(survivor.swept[0]?.entries).toBe(1_500);
});

test("[API14] who waits for an entry to be written does not wait for a registry that is closed", async () => {
  const redis = await startRedis();
  const { registry } = await openPod(redis.url, "pod-a", { timing: { ...NEVER_DEAD, beatIntervalMs: 60_000 } });
  const before = registry.add({ user: "ann", client: "c1" });
  await registry.close();
  await before;
  await registry.add({ user: "ann", client: "c2" });
  expect(await openClient(redis.url).keys("t:*u:ann")).toEqual([]);
});

test("[RG13] 2,000 entries added in one turn take a few round trips", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const pod = await openPod(redis.url, "pod-a", { timing: { ...NEVER_DEAD, beatIntervalMs: 60_000 } });
  const before = await traffic(client);
  addMany(pod, "pod-a", 2_000);
  const startedMs = performance.now();
  await pod.registry.flush(5_000);
  const tookMs = performance.now() - startedMs;
  const after = await traffic(client);
  const [scripts, reads] = [after.scripts - before.scripts, after.reads - before.reads];
  console.log(`2,000 entries in ${Math.round(tookMs)} ms: ${scripts} scripts in ${reads} reads of Redis`);
  expect(scripts).toBe(2_000);
  // Redis reads 16 KiB at a time.
  expect(reads).toBeLessThan(100);
  expect(tookMs).toBeLessThan(1_000);
});

test("[RG14] whoever knows that a pod is gone can have it swept at once; a pod that lives after all registers again", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const gone = await startPodProcess(redis.url, "gone", 50);
  gone.kill("SIGKILL");
  const pod = await openPod(redis.url, "alive", { timing: NEVER_DEAD });
  addMany(pod, "alive", 50);
  await pod.registry.flush(2_000);
  const other = await openPod(redis.url, "other", { timing: NEVER_DEAD });
  await other.registry.sweep(["gone", "alive", "never-seen", "other"]);
  await eventually("swept", 5_000, () => other.swept.length + pod.swept.length === 2);
  const swept = [...other.swept, ...pod.swept];
  expect(swept.map(({ podUid, entries }) => `${podUid} ${entries}`).toSorted()).toEqual(["alive 50", "gone 50"]);
  await eventually("alive again", 3_000, async () => (await owningPods(client)).get("alive") === 50);
  expect([...(await owningPods(client)).keys()]).toEqual(["alive"]);
});

test("[RG15] scripts that Redis has forgotten are sent again", async () => {
  const redis = await startRedis();
  const client = openClient(redis.url);
  const pod = await openPod(redis.url, "pod-a");
  await client.script("FLUSH");
  addMany(pod, "pod-a", 20);
  await pod.registry.flush(3_000);
  expect((await owningPods(client)).get("pod-a")).toBe(20);
});

async function traffic(client: Redis): Promise<{ readonly scripts: number; readonly reads: number }> {
  const scripts = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info("commandstats"))?.[1];
  const reads = /total_reads_processed:(\d+)/.exec(await client.info("stats"))?.[1];
  return { scripts: Number(scripts ?? 0), reads: Number(reads) };
}

test("[RG25] a commit whose answer was lost together with the lease is still one: the entry is written under the lease of now", async () => {
  const redis = await startRedis();
  const [one, two] = [await openPod(redis.url, "one"), await openPod(redis.url, "two")];
  const entry = { user: "ann", client: "c1" };
  void one.registry.add(entry);
  await one.registry.flush(2_000);
  const from = one.registry.transfers.ownership(entry);
  if (from === undefined) throw new Error("the entry is not written");
  expect(await two.registry.transfers.reserve(entry, from)).toBe(true);
  expect(await two.registry.transfers.commit(entry, from)).toBe("taken");
  const client = openClient(redis.url);
  const [key = ""] = await client.keys("t:*}u:*");
  const written = (await client.hget(key, "c1")) ?? "";
  const [uid, term, ...rest] = written.split(" ");
  await client.hset(key, "c1", [uid, Number(term) - 1, ...rest].join(" "));
  expect(await two.registry.transfers.commit(entry, from)).toBe("taken");
  expect(await client.hget(key, "c1")).toBe(written);
});
