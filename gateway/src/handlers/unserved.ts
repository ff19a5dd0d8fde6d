import { ERROR, type ErrorReply, type UnservedCommand, type UnservedMethod } from "@belay/protocol";
import type { Handler } from "./services.ts";

const ANSWERS: Readonly<Record<UnservedMethod, ErrorReply>> = {
  presence: ERROR.notAvailable,
  presence_stats: ERROR.notAvailable,
  history: ERROR.notAvailable,
  rpc: ERROR.methodNotFound,
  refresh: ERROR.methodNotFound,
  sub_refresh: ERROR.methodNotFound,
  send: ERROR.methodNotFound,
};

export const unserved: Handler<UnservedCommand> = (connection, { id, method }) => {
  if (id !== 0) connection.replyError(id, ANSWERS[method]);
  return undefined;
};
