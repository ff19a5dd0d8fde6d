import { expect, test } from "vitest";
import { RESOURCES } from "../../src/kube/resources.ts";
import { Given, type Manifest } from "./given.ts";

test("[RC18] a gateway is not the first process of its PID namespace, for which the kernel drops an early SIGTERM", async () => {
  const given = new Given();
  await given.cluster({ replicas: 1 });
  await given.pass();
  const { items } = await given.kube.list<Manifest>(RESOURCES.deployments, { namespace: "shop" });
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ spec: { template: { spec: { shareProcessNamespace: true } } } });
});
