import type { PingCommand } from "@belay/protocol";
import type { Handler } from "./services.ts";

export const ping: Handler<PingCommand> = (connection, { id }) => {
  connection.reply({ kind: "ping", id });
  return undefined;
};
