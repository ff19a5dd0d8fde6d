import { openRedisBroker } from "@belay/gateway/internal";
import { brokerContract, brokerOutageContract, type LosableBrokerMedium, startRedis } from "@belay/testkit";
import { testRuntime } from "./redis-test-runtime.ts";

async function openMedium(): Promise<LosableBrokerMedium> {
  const redis = await startRedis();
  return {
    open: (nodeId = "") => openRedisBroker({ url: redis.url, prefix: "belay:", nodeId, ...testRuntime() }),
    leave: () => redis.stop(),
    comeBack: () => redis.start(),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
}

brokerContract({ name: "Redis", nodes: 2, openMedium });
brokerOutageContract("Redis", openMedium);
