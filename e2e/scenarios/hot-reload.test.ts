import type { ConfigReport, LoadReport } from "@belay/protocol/control";
import { CONTROL_PORT } from "@belay/protocol/control";
import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import { Fleet } from "../fleet.ts";
import * as given from "../given.ts";
import { getObject, type Seen } from "../kube-objects.ts";
import { kubectl } from "../kubectl.ts";

const NAMESPACES = 50;
const WITHIN_MS = 5_000;
const sockets = 300;

function namespaces(version: number): readonly Record<string, unknown>[] {
  return Array.from({ length: NAMESPACES }, (_, index) => ({
    name: `n${index}`,
    allow: { subscribe: "anonymous", publish: "anonymous" },
    history: { size: 10 + version, ttlSeconds: 60 },
    payload: { schema: { type: "object", properties: { version: { const: version } } } },
  }));
}

/** What each pod says of its configuration, asked at its control port as the operator does. */
class Pods {
  readonly #pods: readonly Seen[];
  readonly #token: string;

  private constructor(pods: readonly Seen[], token: string) {
    this.#pods = pods;
    this.#token = token;
  }

  static async of(ns: given.Namespace, cluster: string): Promise<Pods> {
    const secret = await getObject<{ data: Record<string, string> }>(ns.name, "secrets", `${cluster}-keys`);
    const token = Buffer.from(secret.data["control-token"] ?? "", "base64").toString("utf8");
    return new Pods(await given.gatewayPods(ns, cluster), token);
  }

  configs(): Promise<readonly (ConfigReport | undefined)[]> {
    return Promise.all(
      this.#pods.map(async ({ status }) => {
        const response = await fetch(`http://${String(status?.["podIP"])}:${CONTROL_PORT}/load`, {
          headers: { authorization: `Bearer ${this.#token}` },
        });
        return ((await response.json()) as LoadReport).config;
      }),
    );
  }
}

test("[CF4] 50 namespaces change under open sockets: every pod runs them within 5 s, nobody is dropped, and a broken one is refused with its field", async () => {
  await using ns = await given.namespace("e2e-hot-reload");
  await given.realtimeCluster(ns, "hot", { replicas: 3, auth: { anonymous: true }, namespaces: namespaces(0) });
  const { url } = await given.readyCluster(ns, "hot");
  const podsBefore = (await given.gatewayPods(ns, "hot")).map(({ metadata }) => metadata.uid).toSorted();
  await using fleet = await Fleet.open({ url, count: sockets, channel: "n7:room" });
  await eventuallyTrue("all connected", { withinMs: 30_000 }, () => fleet.connected === sockets);
  const pods = await Pods.of(ns, "hot");

  for (const version of [1, 2, 3]) {
    const before = new Set((await pods.configs()).map((config) => config?.hash));
    expect(before.size).toBe(1);
    await given.patchCluster(ns, "hot", { namespaces: namespaces(version) });
    const everywhere = await eventuallyTrue("every pod runs it", { withinMs: WITHIN_MS, everyMs: 50 }, async () =>
      (await pods.configs()).every((config) => config !== undefined && !before.has(config.hash)),
    );
    const told = await conditionBecomes(ns, "True", "Applied");
    console.log(`version ${version}: on all pods after ${everywhere.tookMs} ms, in the status ${told.tookMs} ms later`);
  }

  const broken = { name: "broken", payload: { schema: { type: "nonsense" } } };
  await given.patchCluster(ns, "hot", { namespaces: [...namespaces(4), broken] });
  const refused = await conditionBecomes(ns, "False", "Refused");
  expect(refused.value.message).toContain(`3 of 3 pods refuse`);
  expect(refused.value.message).toContain(`spec.namespaces[${NAMESPACES}].payload.schema must compile`);
  console.log(`refusal in the status after ${refused.tookMs} ms: ${refused.value.message}`);
  expect(given.condition(await given.readCluster(ns, "hot"), "Degraded")).toMatchObject({ reason: "ConfigRefused" });
  await eventuallyTrue("an Event tells it", { withinMs: 10_000 }, async () =>
    (await kubectl(["-n", ns.name, "get", "events", "-o", "jsonpath={.items[*].reason}"])).includes("ConfigRefused"),
  );
  expect((await pods.configs()).every((config) => config?.refused !== undefined)).toBe(true);

  await given.patchCluster(ns, "hot", { namespaces: namespaces(5) });
  await conditionBecomes(ns, "True", "Applied");
  expect(fleet.closes).toEqual([]);
  expect(fleet.connected).toBe(sockets);
  const podsAfter = (await given.gatewayPods(ns, "hot")).map(({ metadata }) => metadata.uid).toSorted();
  expect(podsAfter).toEqual(podsBefore);
});

function conditionBecomes(
  ns: given.Namespace,
  status: given.Condition["status"],
  reason: string,
): Promise<{ readonly value: given.Condition; readonly tookMs: number }> {
  return eventually(`ConfigApplied ${status}`, { withinMs: 10_000 }, async () => {
    const cluster = await given.readCluster(ns, "hot");
    const found = given.condition(cluster, "ConfigApplied");
    const isNewest = found?.observedGeneration === cluster.metadata.generation;
    if (
      isNewest &&
      found?.status === status &&
      found.reason === reason &&
      !found.message.startsWith("1 of") &&
      !found.message.startsWith("2 of")
    )
      return found;
    throw new Error(JSON.stringify(found));
  });
}
