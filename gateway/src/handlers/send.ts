import { ERROR, type SendCommand } from "@belay/protocol";
import type { Handler } from "./services.ts";

/** Nobody on this side listens to what is sent without a method; one who waits for an answer is told. */
export const send: Handler<SendCommand> = (connection, { id }) => {
  if (id !== 0) connection.replyError(id, ERROR.methodNotFound);
  return undefined;
};
