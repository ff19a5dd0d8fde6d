import { inboxContract } from "@belay/testkit";
import { systemClock } from "../src/clock.ts";
import { MemoryInboxes } from "../src/inbox/memory-inboxes.ts";

inboxContract({
  name: "memory",
  nodes: 1,
  openMedium: () =>
    Promise.resolve({
      open: () => new MemoryInboxes({ clock: systemClock, epochPrefix: "m" }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
});
