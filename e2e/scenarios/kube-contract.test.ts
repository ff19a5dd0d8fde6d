import { HttpKubeClient, openKubeConnection } from "@belay/operator/internal";
import { kubeContract } from "@belay/testkit";
import * as given from "../given.ts";

kubeContract("a real API server", async () => {
  const ns = await given.namespace("e2e-contract");
  const connection = await openKubeConnection({ nowMs: () => performance.now() });
  return {
    client: new HttpKubeClient(connection),
    namespace: ns.name,
    [Symbol.asyncDispose]: async () => {
      await connection.close();
      await ns[Symbol.asyncDispose]();
    },
  };
});
