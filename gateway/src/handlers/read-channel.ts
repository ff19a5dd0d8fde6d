import {
  channelProblem,
  ERROR,
  type ErrorReply,
  type HistoryCommand,
  type PresenceCommand,
  type Reply,
} from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { ChannelOperation } from "../channels/namespace.ts";
import { refusalOf } from "../channels/permissions.ts";
import { lookupRefusal } from "../channels/lookup-refusal.ts";
import type { ClientConnection, Services } from "./services.ts";

interface Reading {
  readonly connection: ClientConnection;
  readonly command: PresenceCommand | HistoryCommand;
  readonly operation: Extract<ChannelOperation, "presence" | "history">;
}

/** What presence and history have in common: who may read, and what is said when the broker is away. */
export async function readChannel(reading: Reading, services: Services, read: () => Promise<Reply>): Promise<void> {
  const { connection, command } = reading;
  const refusal = refusalFor(reading, services);
  if (refusal !== undefined) return connection.replyError(command.id, refusal);
  try {
    connection.reply(await read());
  } catch (error) {
    if (!(error instanceof BrokerUnavailableError)) throw error;
    connection.replyError(command.id, ERROR.internal);
  }
}

function refusalFor({ connection, command, operation }: Reading, services: Services): ErrorReply | undefined {
  const { channel } = command;
  const { identity } = connection;
  const problem = channelProblem(channel);
  if (identity === undefined || problem !== undefined) {
    return { ...ERROR.badRequest, ...(problem !== undefined && { message: problem }) };
  }
  const lookup = services.channels().find(channel);
  if (!lookup.ok) return lookupRefusal(lookup);
  const isSubscribed = connection.subscriptions.get(channel)?.state === "active";
  return refusalOf({ operation, channel, lookup, identity, isSubscribed });
}
