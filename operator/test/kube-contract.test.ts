import { kubeContract, MemoryKube } from "@belay/testkit";

kubeContract("in memory", () => {
  const client = new MemoryKube();
  return Promise.resolve({
    client,
    namespace: "contract",
    forgottenVersion: () => {
      client.compact();
      return Promise.resolve("1");
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
