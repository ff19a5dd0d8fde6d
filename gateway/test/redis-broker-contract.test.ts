import { openRedisBroker } from "@belay/gateway/internal";
import { brokerContract, brokerOutageContract, type LosableBrokerMedium, startRedis } from "@belay/testkit";
import type { RedisDurability } from "../src/broker/redis-streams.ts";
import { testRuntime } from "./redis-test-runtime.ts";

const mediumWith = (durability: RedisDurability) => async (): Promise<LosableBrokerMedium> => {
  const redis = await startRedis();
  const shared = { url: redis.url, prefix: "belay:", durability: (): RedisDurability => durability };
  return {
    open: (nodeId = "") => openRedisBroker({ ...shared, nodeId, ...testRuntime() }),
    leave: () => redis.stop(),
    comeBack: () => redis.start(),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
};

brokerContract({ name: "Redis", nodes: 2, openMedium: mediumWith("fast") });
brokerContract({ name: "Redis, replicated", nodes: 2, openMedium: mediumWith("replicated") });
brokerOutageContract("Redis", mediumWith("fast"));
