import { registryContract } from "@belay/testkit";
import { MemoryRegistry } from "../src/registry/memory-registry.ts";

registryContract({
  name: "memory",
  nodes: 1,
  openMedium: () =>
    Promise.resolve({
      open: (podUid, revision) => new MemoryRegistry({ podUid, revision }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
