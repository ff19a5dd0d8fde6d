import { systemClock } from "@belay/gateway";
import { brokerContract } from "@belay/testkit";
import { MemoryBroker } from "../src/broker/memory-broker.ts";

let opened = 0;

brokerContract({
  name: "memory",
  nodes: 1,
  openMedium: () =>
    Promise.resolve({
      open: (nodeId = "") => new MemoryBroker({ epochPrefix: `e${(opened += 1)}`, clock: systemClock, nodeId }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
