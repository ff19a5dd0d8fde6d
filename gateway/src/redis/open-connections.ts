import { ClusterCommands } from "./cluster-commands.ts";
import { ClusterSubscriber } from "./cluster-subscriber.ts";
import type { CommandConnection, CommandOptions } from "./command-connection.ts";
import type { RedisTopology } from "./redis-topology.ts";
import { ProbedShard } from "./probed-shard.ts";
import { ShardCommands } from "./shard-commands.ts";
import type { SubscriberConnection, SubscriberOptions } from "./subscriber-connection.ts";

/** Nothing is connected before `open`. */
export function openCommands(topology: RedisTopology, options: CommandOptions): CommandConnection {
  if (topology.mode === "cluster") return new ClusterCommands({ ...options, topology });
  return new ShardCommands({ ...options, target: topology });
}

/** Nothing is connected before `open`. */
export function openSubscriber(topology: RedisTopology, options: SubscriberOptions): SubscriberConnection {
  if (topology.mode === "cluster") return new ClusterSubscriber({ ...options, topology });
  return new ProbedShard({ ...options, target: topology }, options.probe.channels[0]);
}
