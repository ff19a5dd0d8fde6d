import { brokerContract } from "@belay/testkit";
import { MemoryBroker } from "../src/broker/memory-broker.ts";

brokerContract("the memory broker", () => {
  let opened = 0;
  return Promise.resolve({
    nodes: 1 as const,
    open: () => new MemoryBroker({ epochPrefix: `e${(opened += 1)}` }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
