/** What happens to a client whose user has all connections that are allowed. */
export type ConnectionLimitPolicy = "Reject" | "ReplaceOldest";

/** What strangers and clients may ask of one gateway, and users of all of them. All of it is *hot*. */
export interface LimitsConfig {
  /** Largest accepted frame or request body, bytes. Default 65,536. */
  readonly maxMessageBytes?: number;
  /** Subscriptions of one connection. Default 128. */
  readonly maxChannelsPerConnection?: number;
  /** Bytes queued for one connection before it is closed `slow`. Default 1,048,576. */
  readonly maxOutboundBytes?: number;
  /** Open connections of this process; above it connect is answered with a temporary error. Default 19,500. */
  readonly maxConnections?: number;
  /** Milliseconds from open to connect command. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Commands of one connection, over time and at once. Defaults 100 and 400: a client that comes back subscribes to all its channels in one frame. */
  readonly commandsPerSecond?: number;
  readonly commandBurst?: number;
  /** Those of them that are `rpc`. Defaults 10 and 20. */
  readonly rpcPerSecond?: number;
  readonly rpcBurst?: number;
  /** Bytes that one connection sends; twice as many at once. Default 1,048,576. */
  readonly bytesPerSecond?: number;
  /** Connects of this process, over time and at once; above it connect is answered with a temporary error. Defaults 1,000 and 2,000. */
  readonly handshakesPerSecond?: number;
  readonly handshakeBurst?: number;
  /** Connected clients of one address on this process. Default: no limit, because many people share one. */
  readonly maxConnectionsPerAddress?: number;
  /** Connections of one user in the whole cluster. 0: no limit; clients without a user are not counted. Default 5. */
  readonly maxConnectionsPerUser?: number;
  /** `Reject` answers one connection more with a temporary error, `ReplaceOldest` closes the oldest. Default Reject. */
  readonly connectionLimitPolicy?: ConnectionLimitPolicy;
  /** How long a client stays away that went on over its limits. Default 60. */
  readonly banSeconds?: number;
  /** `POST /emulation` of one address (of IPv6: one /64) to this process, over time and at once. Defaults 500 and 1,000: many people share one. */
  readonly emulationRequestsPerSecond?: number;
  readonly emulationBurst?: number;
  /**
   * Messages (publish, send, rpc) of one user over all its connections and all gateways, over time and at once. Default: no such
   * limit; `userMessageBurst` is twice `userMessagesPerSecond` where it is absent.
   */
  readonly userMessagesPerSecond?: number;
  readonly userMessageBurst?: number;
}
