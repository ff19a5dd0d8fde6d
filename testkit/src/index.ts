export { brokerContract, type BrokerMedium, BrokerNode, type BrokerSubject } from "./broker-contract.ts";
export { eventually } from "./eventually.ts";
export { type RedisServer, type RedisServerOptions, startRedis } from "./redis.ts";
