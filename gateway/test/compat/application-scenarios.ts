import { expect } from "vitest";
import type { Scenario } from "./scenario.ts";

/** Where the application is asked. */
export const applicationScenarios: readonly Scenario[] = [
  {
    name: "connect webhook, headers",
    shows:
      "headers of the handshake, or those in connect (emulated, centrifuge-js), reach the application, which names the user and greets",
    client: async (stage) => {
      const channel = stage.channel("room");
      const user = stage.user("ann");
      const ann = await stage.client({ headers: { "X-Session": user }, data: { version: 3 } });
      expect(await ann.connected()).toMatchObject({ data: { hello: user, asked: { version: 3 } } });
      await ann.subscribed(channel);
      const members = (await ann.call("presence", { channel })) as Record<string, { readonly user: string }>;
      expect(Object.values(members).map((member) => member.user)).toEqual([user]);
    },
  },
  {
    name: "rpc",
    shows: "answered by the application through a webhook, also with an error of its own",
    client: async (stage) => {
      const ann = await stage.guest("ann");
      expect(await ann.call("rpc", { method: "double", data: 21 })).toEqual({ user: stage.user("ann"), twice: 42 });
      expect(await ann.refusal("rpc", { method: "unknown", data: {} })).toBe(1404);
    },
  },
];
