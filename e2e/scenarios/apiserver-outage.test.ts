import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startApiServer, stopApiServer } from "../api-server.ts";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { listObjects, type Seen } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";

const outageMs = 60_000;
/** Calls of one operator replica that an outage of a minute and the recovery may cost. Measured: see the log line. */
const maxCalls = 600;

test("the API server is away for 60 s: the operator recovers by itself, without a restart and without a storm", async () => {
  await using ns = await given.namespace("e2e-outage");
  await given.realtimeCluster(ns, "steady", { replicas: 2, auth: { anonymous: true } });
  const { url } = await given.readyCluster(ns, "steady");
  await using fleet = await Fleet.open({ url, count: 50, channel: "news" });
  await eventuallyTrue("all connected", { withinMs: 15_000 }, () => fleet.connected === 50);
  const operators = await operatorPods();
  const restartsBefore = operators.map(restarts);
  const callsBefore = await Promise.all(operators.map(callsMade));

  await stopApiServer();
  try {
    await sleep(outageMs);
  } finally {
    await startApiServer();
  }
  await eventuallyTrue(
    "the API server answers",
    { withinMs: 60_000 },
    async () => (await kubectl(["get", "--raw", "/readyz"])) === "ok",
  );

  // Recovered means: the operator acts on a change made after the outage. The pod itself waits for Kubernetes' own recovery.
  await given.patchCluster(ns, "steady", { replicas: 3 });
  // Pods reach the API server through kube-proxy, which has a watch of its own to find again: up to half a minute of this is its.
  const { tookMs } = await eventually("the operator acts", { withinMs: 120_000 }, async () => {
    const [gateways] = await listObjects<{ spec: { replicas: number } }>(
      ns.name,
      "deployments",
      "belay.dev/component=gateway",
    );
    return gateways?.spec.replicas === 3 ? true : undefined;
  });
  const { tookMs: readyMs } = await eventuallyTrue(
    "the change is carried out",
    { withinMs: 180_000, everyMs: 500 },
    async () => {
      const seen = await given.readCluster(ns, "steady");
      return seen.status?.readyReplicas === 3 && given.isReady(seen);
    },
  );
  const after = await operatorPods();
  const calls = (await Promise.all(after.map(callsMade))).map((count, index) => count - (callsBefore[index] ?? 0));
  console.log(
    `the operator acts ${tookMs} ms after the API server, the pod is Ready ${readyMs} ms later, calls per replica ${calls.join(" ")}`,
  );
  expect(after.map((pod) => pod.metadata.uid)).toEqual(operators.map((pod) => pod.metadata.uid));
  expect(after.map(restarts)).toEqual(restartsBefore);
  expect(Math.max(...calls)).toBeLessThan(maxCalls);
  expect(fleet.closes).toEqual([]);
}, 400_000);

async function operatorPods(): Promise<readonly Seen[]> {
  return listObjects("belay-system", "pods", "app.kubernetes.io/name=belay");
}

function restarts(pod: Seen): number {
  const statuses = pod.status?.["containerStatuses"] as readonly { restartCount: number }[] | undefined;
  return statuses?.[0]?.restartCount ?? Number.NaN;
}

/** The operator's own count of calls and watches, every attempt included. */
async function callsMade(pod: Seen): Promise<number> {
  const response = await fetch(`http://${String(pod.status?.["podIP"])}:8080/metrics`);
  const lines = (await response.text())
    .split("\n")
    .filter((line) => line.startsWith("belay_operator_kube_requests_total"));
  if (lines.length === 0) throw new Error("no belay_operator_kube_requests_total");
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
