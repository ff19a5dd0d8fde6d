import { applyObject, getObject, kubectl } from "./kubectl.ts";
import type { Namespace } from "./given.ts";
import { eventuallyTrue } from "./eventually.ts";
import { operatorImages } from "./images.ts";

/** A Redis that Belay does not own, and the Secret with its URL, as a team with a hosted Redis would have. */
export async function externalRedis(ns: Namespace): Promise<{ readonly url: string; readonly secret: string }> {
  const password = "external-password";
  const { redis } = await operatorImages();
  await applyObject({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "outside", namespace: ns.name, labels: { app: "outside" } },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: "redis",
          image: redis,
          imagePullPolicy: "IfNotPresent",
          command: ["redis-server"],
          args: [
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            "/tmp",
            "--requirepass",
            password,
            "--protected-mode",
            "no",
          ],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  });
  await applyObject({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "outside", namespace: ns.name },
    spec: { selector: { app: "outside" }, ports: [{ port: 6379 }] },
  });
  await kubectl(["-n", ns.name, "wait", "pod/outside", "--for=condition=Ready", "--timeout=60s"]);
  const service = await getObject<{ spec: { clusterIP: string } }>(ns.name, "service", "outside");
  const url = `redis://:${password}@${service.spec.clusterIP}:6379`;
  await applyObject({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "outside-url", namespace: ns.name },
    stringData: { url },
  });
  await eventuallyTrue(
    "endpoints of the outside Redis",
    { withinMs: 10_000 },
    async () =>
      (await kubectl([
        "-n",
        ns.name,
        "get",
        "endpointslices",
        "-l",
        "kubernetes.io/service-name=outside",
        "-o",
        "jsonpath={.items[*].endpoints[*].addresses}",
      ])) !== "",
  );
  return { url, secret: "outside-url" };
}
