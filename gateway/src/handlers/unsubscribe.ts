import { channelProblem, ERROR, type UnsubscribeCommand } from "@belay/protocol";
import { closeSubscription } from "../subscription/close-subscription.ts";
import type { Handler } from "./services.ts";

export const unsubscribe: Handler<UnsubscribeCommand> = (connection, { id, channel }, services) => {
  const problem = channelProblem(channel);
  if (problem !== undefined) {
    connection.replyError(id, { ...ERROR.badRequest, message: problem });
    return undefined;
  }
  const subscription = connection.subscriptions.get(channel);
  if (subscription !== undefined) closeSubscription(connection, subscription, services);
  connection.reply({ kind: "unsubscribe", id });
  return undefined;
};
