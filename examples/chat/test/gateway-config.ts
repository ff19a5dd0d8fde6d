import type { GatewayTestOptions } from "@belay/testkit";

/** As in kubernetes.yaml. */
export const chatConfig: NonNullable<GatewayTestOptions["config"]> = {
  channels: {
    namespaces: [
      {
        name: "room",
        allow: { publish: "authenticated" },
        history: { size: 200, ttlSeconds: 86_400 },
        presence: true,
        joinLeave: "OnRequest",
      },
      { name: "typing", allow: { publish: "authenticated" }, ephemeral: true },
    ],
  },
};
