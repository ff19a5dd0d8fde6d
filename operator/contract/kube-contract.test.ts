import { ControlPlane, controlPlaneBinaries, kubeContract } from "@belay/testkit";
import { describe } from "vitest";

const bin = controlPlaneBinaries();

describe.skipIf(bin === undefined)("needs etcd and kube-apiserver: `make up` builds them", () => {
  kubeContract("a bare API server", async () => {
    const plane = await ControlPlane.start(bin ?? "");
    const admin = await plane.connect();
    return {
      client: admin.client,
      namespace: "default",
      forgottenVersion: async () => {
        // A server that starts remembers nothing of what was before.
        await plane.killApiServer();
        await plane.startApiServer();
        return "1";
      },
      [Symbol.asyncDispose]: async () => {
        await admin[Symbol.asyncDispose]();
        await plane[Symbol.asyncDispose]();
      },
    };
  });
});
