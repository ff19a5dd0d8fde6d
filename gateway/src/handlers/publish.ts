import { channelProblem, encodeClientInfo, encodeEmptyReply, ERROR, type PublishCommand } from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import type { Handler } from "./services.ts";

export const publish: Handler<PublishCommand> = (connection, { id, channel, data }, { broker }) => {
  const problem = channelProblem(channel);
  const identity = connection.identity;
  if (problem !== undefined || identity === undefined) {
    connection.replyError(id, { ...ERROR.badRequest, ...(problem !== undefined && { message: problem }) });
    return undefined;
  }
  const request = { channel, data: Buffer.from(data), info: Buffer.from(encodeClientInfo(identity)) };
  return broker.publish(request).then(
    () => connection.reply(encodeEmptyReply(id, "publish")),
    (error: unknown) => {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      connection.replyError(id, ERROR.internal);
    },
  );
};
