import type { ConnectionLimitPolicy } from "@belay/protocol/control";
import { z } from "zod";

/** Bounds on what strangers and clients may ask of one gateway. */
export interface Limits {
  readonly maxMessageBytes: number;
  readonly maxChannelsPerConnection: number;
  readonly maxOutboundBytes: number;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly commandsPerSecond: number;
  readonly commandBurst: number;
  readonly rpcPerSecond: number;
  readonly rpcBurst: number;
  readonly bytesPerSecond: number;
  readonly handshakesPerSecond: number;
  readonly handshakeBurst: number;
  readonly maxConnectionsPerAddress?: number;
  readonly maxConnectionsPerUser: number;
  readonly connectionLimitPolicy: ConnectionLimitPolicy;
  readonly banSeconds: number;
  readonly emulationRequestsPerSecond: number;
  readonly emulationBurst: number;
  readonly userMessagesPerSecond?: number;
  readonly userMessageBurst?: number;
}

const MAX_BYTES = 67_108_864;
const MAX_RATE = 1_000_000;

/** An integer with its bounds in the message. */
function integer(min: number, max: number): z.ZodNumber {
  const rule = `must be an integer from ${min} to ${max}`;
  return z.number(rule).int(rule).min(min, rule).max(max, rule);
}

export const limits: z.ZodType<Limits> = z
  .strictObject({
    maxMessageBytes: integer(1024, MAX_BYTES).default(65_536),
    maxChannelsPerConnection: integer(1, 100_000).default(128),
    maxOutboundBytes: integer(65_536, MAX_BYTES).default(1_048_576),
    maxConnections: integer(1, 1_000_000).default(19_500),
    connectTimeoutMs: integer(100, 600_000).default(10_000),
    commandsPerSecond: integer(1, MAX_RATE).default(100),
    commandBurst: integer(1, MAX_RATE).default(400),
    rpcPerSecond: integer(1, MAX_RATE).default(10),
    rpcBurst: integer(1, MAX_RATE).default(20),
    bytesPerSecond: integer(1024, 1_073_741_824).default(1_048_576),
    handshakesPerSecond: integer(1, 100_000).default(1000),
    handshakeBurst: integer(1, 1_000_000).default(2000),
    maxConnectionsPerAddress: integer(1, 1_000_000).exactOptional(),
    maxConnectionsPerUser: integer(0, 10_000).default(5),
    connectionLimitPolicy: z.enum(["Reject", "ReplaceOldest"], "must be Reject or ReplaceOldest").default("Reject"),
    banSeconds: integer(1, 86_400).default(60),
    emulationRequestsPerSecond: integer(1, MAX_RATE).default(500),
    emulationBurst: integer(1, MAX_RATE).default(1000),
    userMessagesPerSecond: integer(1, MAX_RATE).exactOptional(),
    userMessageBurst: integer(1, MAX_RATE).exactOptional(),
  })
  .refine(
    ({ userMessagesPerSecond, userMessageBurst }) =>
      userMessagesPerSecond !== undefined || userMessageBurst === undefined,
    {
      path: ["userMessageBurst"],
      message: "must stand beside userMessagesPerSecond",
    },
  )
  .prefault({});
