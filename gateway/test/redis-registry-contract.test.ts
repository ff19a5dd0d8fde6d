import { openRedisRegistry } from "@belay/gateway/internal";
import { registryContract, startRedis } from "@belay/testkit";
import { testRuntime } from "./redis-test-runtime.ts";

registryContract({
  name: "Redis",
  nodes: 2,
  openMedium: async () => {
    const redis = await startRedis();
    return {
      open: (podUid, revision) =>
        openRedisRegistry({
          url: redis.url,
          prefix: "belay:",
          podUid,
          revision,
          timing: { beatIntervalMs: 300 },
          ...testRuntime(),
        }),
      [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
    };
  },
});
