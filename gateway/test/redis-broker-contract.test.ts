import { openRedisBroker } from "@belay/gateway/internal";
import { brokerContract, startRedis } from "@belay/testkit";
import { testRuntime } from "./redis-test-runtime.ts";

brokerContract("the Redis broker", async () => {
  const redis = await startRedis();
  return {
    nodes: 2,
    open: () => openRedisBroker({ url: redis.url, prefix: "belay:", ...testRuntime() }),
    outage: { begin: () => redis.stop(), end: () => redis.start() },
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
});
