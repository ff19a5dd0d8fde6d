import type { ClientInfo, PresenceCommand } from "@belay/protocol";
import { decodeClientInfo } from "../hub/client-info.ts";
import { readChannel } from "./read-channel.ts";
import type { Handler } from "./services.ts";

export const presence: Handler<PresenceCommand> = (connection, command, services) =>
  readChannel({ connection, command, operation: "presence" }, services, async () => {
    const { id, channel, kind } = command;
    if (kind === "presence_stats") return { kind, id, ...(await services.broker.presenceStats(channel)) };
    const members = await services.broker.presence(channel);
    const shown = new Map<string, ClientInfo>();
    for (const { client, user, info } of members) shown.set(client, decodeClientInfo(info) ?? { client, user });
    return { kind, id, presence: shown };
  });
