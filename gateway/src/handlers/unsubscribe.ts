import { channelProblem, encodeEmptyReply, ERROR, type UnsubscribeCommand } from "@belay/protocol";
import type { Handler } from "./services.ts";

export const unsubscribe: Handler<UnsubscribeCommand> = (connection, { id, channel }, { hub, subscriptions }) => {
  const problem = channelProblem(channel);
  if (problem !== undefined) {
    connection.replyError(id, { ...ERROR.badRequest, message: problem });
    return undefined;
  }
  const member = connection.channels.get(channel);
  if (member !== undefined) {
    hub.leave(channel, member);
    connection.channels.delete(channel);
    subscriptions.release(channel);
  }
  connection.reply(encodeEmptyReply(id, "unsubscribe"));
  return undefined;
};
