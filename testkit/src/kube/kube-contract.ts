import { type KubeClient, KubeError, type KubeObject, RESOURCES, type WatchEvent } from "@belay/operator/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

export interface KubeSubject extends AsyncDisposable {
  readonly client: KubeClient;
  /** A namespace of its own, empty. */
  readonly namespace: string;
  /** Makes the server forget its history, where that is possible: a version whose changes it no longer has. */
  readonly forgottenVersion?: () => Promise<string>;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

interface Service extends KubeObject {
  readonly spec?: { readonly selector?: Readonly<Record<string, string>>; readonly ports?: readonly unknown[] };
  readonly status?: unknown;
}

/** What the operator relies on in an API server. The fake in memory and the real one pass the same suite. */
export function kubeContract(name: string, open: () => Promise<KubeSubject>): void {
  describe(`KubeClient contract: ${name}`, () => {
    let subject: KubeSubject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
    });

    const configMaps = RESOURCES.configMaps;
    const ref = (name_: string) => ({ resource: configMaps, namespace: subject.namespace, name: name_ });
    const configMap = (
      name_: string,
      data: Record<string, string>,
      labels: Record<string, string> = {},
    ): ConfigMap => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: name_, namespace: subject.namespace, labels },
      data,
    });

    test("[RT1] an object that does not exist is undefined, deleting it is success, patching it is 404", async () => {
      const { client } = subject;
      expect(await client.get(ref("nobody"))).toBeUndefined();
      await client.delete(ref("nobody"));
      await expect(client.patch(ref("nobody"), { type: "merge", body: {} })).rejects.toMatchObject({
        status: 404,
        reason: "NotFound",
      });
    });

    test("[RT1] creating twice is 409 AlreadyExists, replacing a version that has passed is 409 Conflict", async () => {
      const { client } = subject;
      const first = await client.create(configMaps, configMap("twice", { a: "1" }));
      await expect(client.create(configMaps, configMap("twice", {}))).rejects.toMatchObject({
        status: 409,
        reason: "AlreadyExists",
      });
      await client.replace(configMaps, { ...first, data: { a: "2" } });
      await expect(client.replace(configMaps, { ...first, data: { a: "3" } })).rejects.toMatchObject({
        status: 409,
        reason: "Conflict",
      });
      expect((await client.get<ConfigMap>(ref("twice")))?.data).toEqual({ a: "2" });
    });

    test("[RT2] a list comes in pages and by label", async () => {
      const { client, namespace } = subject;
      for (const n of ["p1", "p2", "p3"]) await client.create(configMaps, configMap(n, {}, { paged: "yes", n }));
      const names: string[] = [];
      let continueToken = "";
      let pages = 0;
      do {
        const page = await client.list(configMaps, { namespace, labelSelector: "paged=yes", limit: 2, continueToken });
        names.push(...page.items.map(({ metadata }) => metadata.name));
        expect(page.items.every(({ kind, apiVersion }) => kind === "ConfigMap" && apiVersion === "v1")).toBe(true);
        ({ continueToken } = page);
        pages += 1;
      } while (continueToken !== "");
      expect([names, pages]).toEqual([["p1", "p2", "p3"], 2]);
    });

    test("[RT3] applying leaves what others own and takes back what is no longer applied", async () => {
      const { client, namespace } = subject;
      const mine = { fieldManager: "mine", force: true };
      await client.apply(configMaps, configMap("shared", { a: "1", b: "1" }), mine);
      await client.apply(configMaps, configMap("shared", { c: "theirs" }), { fieldManager: "theirs", force: true });
      await client.apply(configMaps, configMap("shared", { a: "2" }), mine);
      expect((await client.get<ConfigMap>({ resource: configMaps, namespace, name: "shared" }))?.data).toEqual({
        a: "2",
        c: "theirs",
      });
    });

    test("[RT3] applying the same again changes nothing, not even the version", async () => {
      const { client } = subject;
      const options = { fieldManager: "same", force: true };
      const first = await client.apply(configMaps, configMap("same", { a: "1" }), options);
      const second = await client.apply(configMaps, configMap("same", { a: "1" }), options);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    test("[RT3] without force a field that another manager applied is refused, naming the manager", async () => {
      const { client } = subject;
      // An empty map of labels would be a conflict of its own: the server drops it and misses it the next time.
      const labels = { by: "contract" };
      await client.apply(configMaps, configMap("fought", { a: "1" }, labels), { fieldManager: "first", force: true });
      const other = { fieldManager: "second", force: false };
      await expect(client.apply(configMaps, configMap("fought", { a: "2" }, labels), other)).rejects.toMatchObject({
        status: 409,
        reason: "Conflict",
        message: expect.stringContaining("first") as string,
      });
      await client.apply(configMaps, configMap("fought", { a: "1", b: "2" }, labels), other);
      expect((await client.get<ConfigMap>(ref("fought")))?.data).toEqual({ a: "1", b: "2" });
    });

    test("[RT3] applying on a version that has passed is 409", async () => {
      const { client } = subject;
      const options = { fieldManager: "mine", force: true };
      const first = await client.apply(configMaps, configMap("passed", { a: "1" }), options);
      await client.apply(configMaps, configMap("passed", { a: "2" }), options);
      const late = configMap("passed", { a: "3" });
      const { resourceVersion = "" } = first.metadata;
      await expect(
        client.apply(configMaps, { ...late, metadata: { ...late.metadata, resourceVersion } }, options),
      ).rejects.toMatchObject({ status: 409 });
    });

    test("[RT4] a JSON patch acts only where its test holds; otherwise 422 and nothing happens", async () => {
      const { client } = subject;
      await client.create(configMaps, configMap("tested", { n: "3" }));
      const lower = {
        type: "json",
        operations: [
          { op: "test", path: "/data/n", value: "3" },
          { op: "replace", path: "/data/n", value: "2" },
        ],
      } as const;
      await client.patch(ref("tested"), lower);
      const again = client.patch(ref("tested"), lower);
      await expect(again).rejects.toBeInstanceOf(KubeError);
      await expect(again).rejects.toMatchObject({ status: 422, reason: "Invalid" });
      expect((await client.get<ConfigMap>(ref("tested")))?.data).toEqual({ n: "2" });
    });

    test("[RT4] a merge patch adds, changes and removes", async () => {
      const { client } = subject;
      await client.create(configMaps, configMap("merged", { a: "1", b: "1" }));
      const patched = await client.patch<ConfigMap>(ref("merged"), {
        type: "merge",
        body: { data: { a: null, b: "2", c: "3" } },
      });
      expect(patched.data).toEqual({ b: "2", c: "3" });
    });

    test("[RT4] deleting with another object's uid is 409 and leaves it", async () => {
      const { client } = subject;
      await client.create(configMaps, configMap("kept", {}));
      await expect(client.delete(ref("kept"), { uid: "00000000-0000-0000-0000-000000000000" })).rejects.toMatchObject({
        status: 409,
      });
      expect(await client.get(ref("kept"))).toBeDefined();
    });

    test("[RT4] what has a finalizer is only marked as deleted, and goes with its last finalizer", async () => {
      const { client } = subject;
      const made = configMap("finalized", {});
      await client.create(configMaps, { ...made, metadata: { ...made.metadata, finalizers: ["belay.dev/contract"] } });
      await client.delete(ref("finalized"));
      const waiting = await client.get<ConfigMap>(ref("finalized"));
      expect(waiting?.metadata.deletionTimestamp).toMatch(/^\d{4}-/);
      await client.delete(ref("finalized"));
      await client.patch(ref("finalized"), { type: "merge", body: { metadata: { finalizers: null } } });
      expect(await client.get(ref("finalized"))).toBeUndefined();
    });

    test("[RT4] a write to the status leaves the spec, and the other way round", async () => {
      const { client, namespace } = subject;
      const service: Service = {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "split", namespace },
        spec: { selector: { a: "1" }, ports: [{ name: "x", port: 80 }] },
      };
      await client.create(RESOURCES.services, service);
      const condition = {
        type: "Tried",
        status: "True",
        reason: "Contract",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      };
      const where = { resource: RESOURCES.services, namespace, name: "split" };
      await client.patch(
        where,
        { type: "merge", body: { status: { conditions: [condition] }, spec: { selector: { a: "2" } } } },
        "status",
      );
      const seen = await client.get<Service>(where);
      expect([seen?.spec?.selector, JSON.stringify(seen?.status)]).toEqual([
        { a: "1" },
        expect.stringContaining("Contract"),
      ]);
    });

    test("[RT5] a watch shows every change after its version, in order, and resumes from any of them", async () => {
      const { client, namespace } = subject;
      const { resourceVersion } = await client.list(configMaps, { namespace });
      await client.create(configMaps, configMap("watched", { n: "1" }, { watched: "yes" }));
      await client.patch(ref("watched"), { type: "merge", body: { data: { n: "2" } } });
      await client.delete(ref("watched"));
      const seen = await take(subject, { resourceVersion, count: 3 });
      expect(seen.map(({ type, object }) => [type, object.data?.["n"]])).toEqual([
        ["ADDED", "1"],
        ["MODIFIED", "2"],
        ["DELETED", "2"],
      ]);
      const resumed = await take(subject, {
        resourceVersion: seen[0]?.object.metadata.resourceVersion ?? "",
        count: 2,
      });
      expect(resumed.map(({ type }) => type)).toEqual(["MODIFIED", "DELETED"]);
    });

    test("[RT5] for a watch by label, an object comes and goes with the label", async () => {
      const { client, namespace } = subject;
      await client.create(configMaps, configMap("relabelled", {}));
      const { resourceVersion } = await client.list(configMaps, { namespace });
      for (const watched of ["yes", "no"])
        await client.patch(ref("relabelled"), { type: "merge", body: { metadata: { labels: { watched } } } });
      const seen = await take(subject, { resourceVersion, count: 2 });
      expect(seen.map(({ type, object }) => [type, object.metadata.name])).toEqual([
        ["ADDED", "relabelled"],
        ["DELETED", "relabelled"],
      ]);
    });

    test("[RT8] a watch from a version that is no longer known is 410", async ({ skip }) => {
      if (subject.forgottenVersion === undefined) return skip("nobody can make this server forget");
      const resourceVersion = await subject.forgottenVersion();
      await expect(take(subject, { resourceVersion, count: 1_000 })).rejects.toMatchObject({ status: 410 });
    });
  });
}

type Change = Extract<WatchEvent<ConfigMap>, { readonly object: ConfigMap }>;

async function take(
  { client, namespace }: KubeSubject,
  { resourceVersion, count }: { readonly resourceVersion: string; readonly count: number },
): Promise<readonly Change[]> {
  const stop = new AbortController();
  const seen: Change[] = [];
  const options = { namespace, labelSelector: "watched=yes", resourceVersion, timeoutSeconds: 30 };
  for await (const event of client.watch<ConfigMap>(RESOURCES.configMaps, options, stop.signal)) {
    if (event.type !== "BOOKMARK") seen.push(event);
    if (seen.length === count) break;
  }
  stop.abort();
  return seen;
}
