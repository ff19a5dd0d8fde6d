import { canReconnect } from "@belay/protocol";
import { expect, test } from "vitest";
import { signalPod } from "../container-process.ts";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { closesByCode, Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { listObjects } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";
import { nextGatewayImage } from "../images.ts";
import { PodWatch } from "../pod-watch.ts";
import { Publisher } from "../publisher.ts";

const sockets = 500;

test("an image change under 500 sockets and 100 messages/s: every pod replaced, every close a reconnect code, nobody killed undrained", async () => {
  await using ns = await given.namespace("e2e-rollout");
  await given.realtimeCluster(ns, "roll", {
    replicas: 3,
    auth: { anonymous: true },
    drain: { deadlineSeconds: 60, ratePerSecond: 50, gracePeriodSeconds: 90 },
  });
  const { cluster, url } = await given.readyCluster(ns, "roll");
  const oldPods = await given.gatewayPods(ns, "roll");

  await using fleet = await Fleet.open({ url, count: sockets, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 30_000 }, () => fleet.connected === sockets);
  await using publisher = Publisher.start({
    url,
    apiKey: await given.apiKey(ns, "roll"),
    channel: "news",
    perSecond: 100,
  });

  const occupiedAtDeletion: string[] = [];
  await using watch = new PodWatch(ns.name, (pod) => {
    const left = fleet.byNode.get(pod.metadata.uid) ?? 0;
    if (left > 0) occupiedAtDeletion.push(`${pod.metadata.name} with ${left} sockets`);
  });
  await eventuallyTrue("the watch sees the pods", { withinMs: 10_000 }, () => watch.stories.size === 3);

  const startedMs = Date.now();
  await given.patchCluster(ns, "roll", { image: await nextGatewayImage() });

  // Midway: a pod full of clients stops answering its probe, and a hand edits the old revision's template.
  // Not before its drain has begun: a request of the publisher that stands in a frozen process is nobody's fault.
  const { value: frozen } = await eventually("the first pod drains", { withinMs: 90_000 }, () => fleet.closes[0]?.node);
  await signalPod(frozen, "SIGSTOP");
  const [old] = await listObjects(ns.name, "deployments", `belay.dev/revision=${cluster.status?.revision ?? ""}`);
  await kubectl([
    "-n",
    ns.name,
    "patch",
    "deployment",
    old?.metadata.name ?? "",
    "--type=json",
    "-p",
    '[{"op":"add","path":"/spec/template/metadata/annotations","value":{"edited":"by-hand"}}]',
  ]);
  await eventuallyTrue(
    "the frozen pod is not ready",
    { withinMs: 40_000 },
    () => watch.stories.get(frozen)?.notReadyAtMs !== undefined,
  );
  await signalPod(frozen, "SIGCONT");

  const { value: done } = await eventually("the rollout is finished", { withinMs: 180_000, everyMs: 500 }, async () => {
    const seen = await given.readCluster(ns, "roll");
    const pods = await given.gatewayPods(ns, "roll");
    return given.isReady(seen) && seen.status?.revision !== cluster.status?.revision && pods.length === 3
      ? seen
      : undefined;
  });
  const tookMs = Date.now() - startedMs;
  await eventuallyTrue("all sockets are back", { withinMs: 30_000 }, () => fleet.connected === sockets);
  console.log(
    `rollout ${tookMs} ms; closes ${JSON.stringify(closesByCode(fleet.closes))}; accepted ${publisher.accepted}, made again ${publisher.unanswered}, cut ${publisher.cut}; lastRollout ${JSON.stringify(done.status?.lastRollout)}`,
  );

  expect(fleet.closes.filter(({ code }) => !canReconnect(code) || code === 1006)).toEqual([]);
  expect(fleet.closes).toHaveLength(sockets);
  expect(occupiedAtDeletion).toEqual([]);
  const oldStories = oldPods.map((pod) => watch.stories.get(pod.metadata.uid));
  expect(oldStories.every((story) => story?.gatedAtMs !== undefined && story.deletedAtMs !== undefined)).toBe(true);
  expect(watch.stories.size).toBe(6);
  expect(publisher.failures).toEqual([]);
  // Pods that go end connections that were not used for a while, of a caller that is busy on these cores.
  expect(publisher.cut).toBeLessThan(publisher.accepted / 200);
  expect(publisher.accepted / (tookMs / 1000)).toBeGreaterThan(90);
  expect(done.status?.lastRollout).toMatchObject({ killedUndrained: 0 });
}, 400_000);
