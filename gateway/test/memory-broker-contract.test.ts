import { brokerContract } from "@belay/testkit";
import { MemoryBroker } from "../src/broker/memory-broker.ts";

let opened = 0;

brokerContract({
  name: "memory",
  nodes: 1,
  openMedium: () =>
    Promise.resolve({
      open: () => new MemoryBroker({ epochPrefix: `e${(opened += 1)}` }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
