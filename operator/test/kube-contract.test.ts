import { kubeContract, MemoryKube } from "@belay/testkit";

kubeContract("in memory", () =>
  Promise.resolve({ client: new MemoryKube(), namespace: "contract", [Symbol.asyncDispose]: () => Promise.resolve() }),
);
