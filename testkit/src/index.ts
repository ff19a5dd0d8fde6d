export { brokerContract, brokerOutageContract } from "./broker-contract.ts";
export { type BrokerMedium, BrokerNode, type BrokerSubject, type LosableBrokerMedium } from "./broker-subject.ts";
export { eventually } from "./eventually.ts";
export { inboxContract, type InboxMedium, type InboxSubject } from "./inbox-contract.ts";
export { limitsContract, type LimitsMedium, type LimitsSubject } from "./limits-contract.ts";
export { type RedisServer, type RedisServerOptions, startRedis } from "./redis.ts";
export { type ClusterOptions, type RedisCluster, startRedisCluster } from "./redis-cluster.ts";
export { type SentinelGroup, type SentinelOptions, startSentinelGroup } from "./redis-sentinel.ts";
export { registryContract, type RegistryMedium, type RegistrySubject } from "./registry-contract.ts";
export { revocationsContract, type RevocationsMedium, type RevocationsSubject } from "./revocations-contract.ts";
export { PlainRelay } from "./plain-relay.ts";
export { TcpProxy } from "./tcp-proxy.ts";
export {
  callApi,
  callControl,
  type GatewayAccess,
  type GatewayProcess,
  type GatewayTestOptions,
  type RunningGateway,
  startGateway,
  startGatewayProcess,
} from "./gateway.ts";
export { type Received, type SeenClosing, TestClient } from "./test-client.ts";
export { type StreamOptions, TestStream } from "./test-stream.ts";
export { ControlPlane, type ControlPlaneClient, controlPlaneBinaries } from "./kube/control-plane.ts";
export { kubeContract, type KubeSubject } from "./kube/kube-contract.ts";
export { type Fault, MemoryKube } from "./kube/memory-kube.ts";
export { FakeClock, settle } from "./kube/fake-clock.ts";
export { clientFrame, exchange, type RawTalk, rawTalk } from "./raw-socket.ts";
export { invalidChanges } from "./kube/invalid-changes.ts";
export { type InvalidCluster, invalidClusters } from "./kube/invalid-clusters.ts";
export { servingCertificate } from "./certificate.ts";
export { RoundRobin } from "./round-robin.ts";
export { freePort } from "./free-port.ts";
export { fuzz, fuzzFaults } from "./fuzz.ts";
export { mutant, type MutationStock } from "./mutation.ts";
export { SeededChance } from "./seeded-chance.ts";
