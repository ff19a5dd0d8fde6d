import { channelProblem, encodeEmptyReply, ERROR, type SubscribeCommand } from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { ClientConnection, Handler, Services } from "./services.ts";

export const subscribe: Handler<SubscribeCommand> = (connection, command, services) => {
  const { id, channel } = command;
  const problem = channelProblem(channel);
  if (problem !== undefined) {
    connection.replyError(id, { ...ERROR.badRequest, message: problem });
  } else if (connection.channels.has(channel)) {
    connection.replyError(id, ERROR.alreadySubscribed);
  } else if (connection.channels.size >= services.settings.current.config.limits.maxChannelsPerConnection) {
    connection.replyError(id, ERROR.limitExceeded);
  } else {
    connection.channels.set(channel, undefined);
    const opening = services.subscriptions.hold(channel);
    if (opening !== undefined) return finishLater(opening, { connection, command, services });
    finish({ connection, command, services });
  }
  return undefined;
};

interface Subscribing {
  readonly connection: ClientConnection;
  readonly command: SubscribeCommand;
  readonly services: Services;
}

async function finishLater(opening: Promise<void>, subscribing: Subscribing): Promise<void> {
  const { connection, command, services } = subscribing;
  try {
    await opening;
  } catch (error) {
    services.subscriptions.release(command.channel);
    connection.channels.delete(command.channel);
    if (!(error instanceof BrokerUnavailableError)) throw error;
    connection.replyError(command.id, ERROR.internal);
    return;
  }
  finish(subscribing);
}

/** The reply is queued before the connection joins, so that no push can come first (ORD3). */
function finish({ connection, command: { id, channel }, services }: Subscribing): void {
  if (!connection.isOpen) {
    services.subscriptions.release(channel);
    return;
  }
  connection.reply(encodeEmptyReply(id, "subscribe"));
  connection.channels.set(channel, services.hub.join(channel, connection.sink));
}
