import { type KubeObject, KubeError, RESOURCES } from "@belay/operator/internal";
import { ControlPlane, type ControlPlaneClient, controlPlaneBinaries } from "@belay/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const bin = controlPlaneBinaries();
const ours = { fieldManager: "belay-operator", force: true };

interface Loose extends KubeObject {
  readonly [field: string]: unknown;
}

function service(spec: Readonly<Record<string, unknown>>): Loose {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "strict", namespace: "default" },
    spec: { ports: [{ name: "ws", port: 80 }], ...spec },
  };
}

describe.skipIf(bin === undefined)("what a real API server makes of our writes", () => {
  let plane: ControlPlane;
  let admin: ControlPlaneClient;
  beforeAll(async () => {
    plane = await ControlPlane.start(bin ?? "");
    admin = await plane.connect();
  });
  afterAll(async () => {
    await admin[Symbol.asyncDispose]();
    await plane[Symbol.asyncDispose]();
  });

  test("[RT16] a field that the server does not know is refused, not dropped, by create, replace, apply and patch", async () => {
    const { client } = admin;
    const wrong = service({ selectr: { a: "b" } });
    const made = await client.create<Loose>(RESOURCES.services, {
      ...service({}),
      metadata: { ...service({}).metadata, name: "known" },
    });
    await expect(client.create(RESOURCES.services, wrong)).rejects.toMatchObject({ status: 400 });
    await expect(
      client.replace(RESOURCES.services, { ...made, spec: { ...(made["spec"] as object), selectr: {} } }),
    ).rejects.toMatchObject({ status: 400 });
    await expect(client.apply(RESOURCES.services, wrong, ours)).rejects.toBeInstanceOf(KubeError);
    const ref = { resource: RESOURCES.services, namespace: "default", name: "known" };
    await expect(client.patch(ref, { type: "merge", body: { spec: { selectr: { a: "b" } } } })).rejects.toBeInstanceOf(
      KubeError,
    );
    expect(await client.get({ ...ref, name: "strict" })).toBeUndefined();
  });

  test("[RT16] fields that no type of ours names go out and come back as they are", async () => {
    const { client } = admin;
    const applied = await client.apply(
      RESOURCES.services,
      service({ selector: { a: "b" }, trafficDistribution: "PreferClose", internalTrafficPolicy: "Local" }),
      ours,
    );
    expect(applied["spec"]).toMatchObject({ trafficDistribution: "PreferClose", internalTrafficPolicy: "Local" });
    const metadata = { ...applied.metadata, labels: { touched: "yes" } };
    const replaced = await client.replace<Loose>(RESOURCES.services, { ...applied, metadata });
    expect(replaced["spec"]).toEqual(applied["spec"]);
  });

  test("[RT3] a value that a hand has changed comes back with the next apply; a field that a hand has added stays", async () => {
    const { client } = admin;
    const ref = { resource: RESOURCES.services, namespace: "default", name: "strict" };
    await client.patch(ref, {
      type: "merge",
      body: { spec: { selector: { a: "wrong" } }, metadata: { annotations: { "somebody.example/note": "kept" } } },
    });
    const corrected = await client.apply(RESOURCES.services, service({ selector: { a: "b" } }), ours);
    expect(corrected["spec"]).toMatchObject({ selector: { a: "b" } });
    expect(corrected.metadata.annotations).toMatchObject({ "somebody.example/note": "kept" });
    // No longer applied by us, and defaulted by the server again.
    expect(corrected["spec"]).not.toHaveProperty("trafficDistribution");
  });

  test("[RT1] a refusal says why: status, reason and message of the server", async () => {
    await using nobody = await plane.connect({ kubeconfigFile: plane.kubeconfig("nobody") });
    await expect(nobody.client.list(RESOURCES.secrets, { namespace: "default" })).rejects.toMatchObject({
      status: 403,
      reason: "Forbidden",
      message: expect.stringContaining('User "nobody" cannot list resource "secrets"') as string,
    });
    const invalid = { ...service({}), metadata: { name: "Not_A_Name", namespace: "default" } };
    await expect(admin.client.create(RESOURCES.services, invalid)).rejects.toMatchObject({
      status: 422,
      reason: "Invalid",
      message: expect.stringContaining("metadata.name") as string,
    });
  });

  test("[RT4] deleting on a version that has passed is 409 and leaves the object", async () => {
    const { client } = admin;
    const ref = { resource: RESOURCES.services, namespace: "default", name: "strict" };
    const before = await client.get(ref);
    await client.patch(ref, { type: "merge", body: { metadata: { annotations: { a: "b" } } } });
    const { resourceVersion = "" } = before?.metadata ?? {};
    await expect(client.delete(ref, { resourceVersion })).rejects.toMatchObject({ status: 409 });
    expect(await client.get(ref)).toBeDefined();
  });
});
