import { openRedisRegistry, type Registry } from "@belay/gateway/internal";
import { eventually, type RedisCluster, type RedisServer, startRedisCluster } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { RedisKeys } from "../src/redis/redis-keys.ts";
import { clusterTopology } from "./redis-topologies.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const TIMING = { beatIntervalMs: 300, deadAfterMs: 4_000, awayAfterMs: 1_200, graceMs: 1_200 };
const USERS = Array.from({ length: 60 }, (_, index) => `user-${index}`);
const KEYS = new RedisKeys("t:");

interface Pod {
  readonly podUid: string;
  readonly registry: Registry;
  readonly leases: () => number;
}

async function openPod(cluster: RedisCluster, podUid: string): Promise<Pod> {
  let leases = 0;
  const registry = openRedisRegistry({
    url: clusterTopology(cluster),
    prefix: "t:",
    podUid,
    revision: "r",
    timing: TIMING,
    ...testRuntime(),
    onLease: () => (leases += 1),
  });
  onTestFinished(() => registry.close());
  await registry.start();
  await eventually("the lease is held", 10_000, () => registry.leaseHeld);
  return { podUid, registry, leases: () => leases };
}

/** Every user is connected to the first pod, half of them to the second one too. */
function podsWith(user: string): readonly string[] {
  return USERS.indexOf(user) % 2 === 0 ? ["pod-a", "pod-b"] : ["pod-a"];
}

async function areAllFound({ registry }: Pod): Promise<boolean> {
  const found = await Promise.all(USERS.map(async (user) => (await registry.owners(user)).map(({ podUid }) => podUid)));
  return USERS.every((user, index) => String(found[index]?.toSorted()) === String(podsWith(user)));
}

/** A server other than the one that pods beat on, and a user whose entries are there. */
async function otherServer(cluster: RedisCluster): Promise<{ readonly server: RedisServer; readonly user: string }> {
  const home = await cluster.ownerOf(KEYS.pods);
  for (const user of USERS) {
    const server = await cluster.ownerOf(KEYS.user(user));
    if (server !== home) return { server, user };
  }
  throw new Error("all users are on one server");
}

test("[RG24] a server of a cluster, not the one that pods beat on, loses its entries: they are written again, and until then orders go to all pods", async () => {
  const cluster = await startRedisCluster();
  const pods = [await openPod(cluster, "pod-a"), await openPod(cluster, "pod-b")] as const;
  for (const { podUid, registry } of pods)
    for (const user of USERS)
      if (podsWith(user).includes(podUid)) void registry.add({ user, client: `${podUid}-${user}` });
  await eventually("all are found", 10_000, () => areAllFound(pods[0]));
  const { server, user } = await otherServer(cluster);
  await eventually("orders go to owners", 10_000, async () => {
    const { podUids } = await pods[1].registry.podsOf(user);
    return String(podUids.toSorted()) === String(podsWith(user));
  });
  const leases = pods.map((pod) => pod.leases());
  await server.kill();
  await server.start();
  const answers: (readonly string[])[] = [];
  const isFoundAgain = async (pod: Pod): Promise<boolean> => {
    const told = await pod.registry.podsOf(user);
    if (!told.mayBeOthers) answers.push(told.podUids);
    return areAllFound(pod);
  };
  for (const pod of pods) await eventually("all are found again", 15_000, () => isFoundAgain(pod));
  // Whoever answered at all named every pod that has the user.
  expect(answers.filter((podUids) => podsWith(user).some((podUid) => !podUids.includes(podUid)))).toEqual([]);
  expect(pods.map((pod, index) => pod.leases() > (leases[index] ?? 0))).toEqual([true, true]);
}, 60_000);

test("[RG24] slots that move cost no lease", async () => {
  const cluster = await startRedisCluster();
  const added = await cluster.addMaster();
  const pod = await openPod(cluster, "pod-a");
  for (const user of USERS) void pod.registry.add({ user, client: `pod-a-${user}` });
  const isFound = async (user: string): Promise<boolean> => (await pod.registry.owners(user)).length === 1;
  await eventually("found", 10_000, async () => (await Promise.all(USERS.map(isFound))).every(Boolean));
  const leases = pod.leases();
  const { user } = await otherServer(cluster);
  await cluster.move(KEYS.user(user), added);
  await eventually("found where it moved to", 10_000, () => isFound(user));
  expect(pod.leases()).toBe(leases);
}, 60_000);
