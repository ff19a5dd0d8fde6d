import { inboxContract, startRedis } from "@belay/testkit";
import { openRedisInboxes } from "../src/inbox/redis-inboxes.ts";
import { testRuntime } from "./redis-test-runtime.ts";

inboxContract({
  name: "Redis",
  nodes: 2,
  openMedium: async () => {
    const redis = await startRedis();
    return {
      open: () => openRedisInboxes({ url: redis.url, prefix: "belay:", ...testRuntime() }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  },
});
