/** Schema of what clients may ask of one gateway pod. */
import { z } from "zod";
import { rules } from "../fields.ts";
import type { LimitsSpec } from "./gen/types.ts";

const MAX_BYTES = 67_108_864;

function bounded(min: number, max: number, description: string): z.ZodExactOptional<z.ZodInt32> {
  return z.int32().min(min).max(max).exactOptional().describe(description);
}

export const limits: z.ZodType<LimitsSpec> = z
  .strictObject({
    maxMessageBytes: bounded(1024, MAX_BYTES, "Largest frame or request body, bytes. 65536 when absent."),
    maxChannelsPerConnection: bounded(1, 100_000, "Subscriptions of one connection. 128 when absent."),
    maxOutboundBytes: bounded(
      65_536,
      MAX_BYTES,
      "Bytes queued for one connection before it is closed as slow. 1048576 when absent.",
    ),
    maxConnections: bounded(1, 1_000_000, "Connections of one pod. 19500 when absent."),
    connectTimeoutMs: bounded(100, 600_000, "Milliseconds from open to the connect command. 10000 when absent."),
    commandsPerSecond: bounded(1, 1_000_000, "Commands of one connection. 100 when absent."),
    commandBurst: bounded(1, 1_000_000, "Commands of one connection at once. 400 when absent."),
    rpcPerSecond: bounded(1, 1_000_000, "rpc calls of one connection. 10 when absent."),
    rpcBurst: bounded(1, 1_000_000, "rpc calls of one connection at once. 20 when absent."),
    bytesPerSecond: bounded(1024, 1_073_741_824, "Bytes that one connection sends. 1048576 when absent."),
    handshakesPerSecond: bounded(1, 100_000, "Connects of one pod. 1000 when absent."),
    handshakeBurst: bounded(1, 1_000_000, "Connects of one pod at once. 2000 when absent."),
    maxConnectionsPerAddress: bounded(1, 1_000_000, "Clients of one address on one pod; no limit when absent."),
    maxConnectionsPerUser: bounded(
      0,
      10_000,
      "Connections of one user in the whole cluster, 0 for no limit; clients without a user are not counted. 5 when absent.",
    ),
    connectionLimitPolicy: z
      .enum(["Reject", "ReplaceOldest"])
      .exactOptional()
      .describe(
        "What happens at that limit: one more is refused for now, or the oldest connection is closed. Reject when absent.",
      ),
    banSeconds: bounded(1, 86_400, "How long a client stays away that went on over its limits. 60 when absent."),
    emulationRequestsPerSecond: bounded(
      1,
      1_000_000,
      "POST /emulation of one address (of IPv6 one /64) to one pod. 500 when absent.",
    ),
    emulationBurst: bounded(1, 1_000_000, "The same at once. 1000 when absent."),
    userMessagesPerSecond: bounded(
      1,
      1_000_000,
      "Messages (publish, send, rpc) of one user over all its connections and all pods; no such limit when absent.",
    ),
    userMessageBurst: bounded(1, 1_000_000, "Messages of one user at once. Twice userMessagesPerSecond when absent."),
  })
  .meta({
    typeName: "LimitsSpec",
    ...rules(
      [
        "!has(self.userMessageBurst) || has(self.userMessagesPerSecond)",
        "limits.userMessageBurst must stand beside userMessagesPerSecond",
      ],
      [
        "!has(self.connectionLimitPolicy) || !has(self.maxConnectionsPerUser) || self.maxConnectionsPerUser > 0",
        "limits.connectionLimitPolicy must not stand beside maxConnectionsPerUser: 0",
      ],
    ),
  });
