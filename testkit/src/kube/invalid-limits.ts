/** Sections of limits and API keys that the API server must refuse. */
export const invalidLimits: readonly { readonly title: string; readonly spec: unknown; readonly refusal: string }[] = [
  {
    title: "more connections of a user than can be counted",
    spec: { limits: { maxConnectionsPerUser: 10_001 } },
    refusal: "spec.limits.maxConnectionsPerUser in body should be less than or equal to 10000",
  },
  {
    title: "a policy for a limit that nobody knows",
    spec: { limits: { connectionLimitPolicy: "KeepAll" } },
    refusal: 'spec.limits.connectionLimitPolicy: Unsupported value: "KeepAll"',
  },
  {
    title: "a policy for a limit that is off",
    spec: { limits: { maxConnectionsPerUser: 0, connectionLimitPolicy: "ReplaceOldest" } },
    refusal: "limits.connectionLimitPolicy must not stand beside maxConnectionsPerUser: 0",
  },
  {
    title: "a limit of nothing",
    spec: { limits: { commandsPerSecond: 0 } },
    refusal: "spec.limits.commandsPerSecond in body should be greater than or equal to 1",
  },
  {
    title: "a burst of users without a rate",
    spec: { limits: { userMessageBurst: 10 } },
    refusal: "limits.userMessageBurst must stand beside userMessagesPerSecond",
  },
  {
    title: "an ephemeral namespace with a history",
    spec: { namespaces: [{ name: "typing", ephemeral: true, history: { size: 1, ttlSeconds: 1 } }] },
    refusal: "ephemeral must not be set beside history, delta or forcePositioning",
  },
  {
    title: "an API key that may never be used",
    spec: { api: { keys: [{ name: "a", secretRef: { name: "a" }, requestsPerSecond: 0 }] } },
    refusal: "spec.api.keys[0].requestsPerSecond in body should be greater than or equal to 1",
  },
];
