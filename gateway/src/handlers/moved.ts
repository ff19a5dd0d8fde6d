import { ERROR, type RpcCommand } from "@belay/protocol";
import type { Coming } from "../session/movable.ts";
import type { ClientConnection, Handler } from "./services.ts";

/** Method of the rpc with which a client says that it has gone over to this connection. */
export const MOVED_METHOD = "belay:moved";

export const moved: Handler<RpcCommand> = (connection, { id }) => {
  const { arrival } = connection;
  if (arrival === undefined) {
    connection.replyError(id, ERROR.notAvailable);
    return undefined;
  }
  return answer(connection, id, arrival);
};

async function answer(connection: ClientConnection, id: number, arrival: Coming): Promise<void> {
  if (await arrival.moved()) connection.reply({ kind: "rpc", id, data: Buffer.from("{}") });
  else connection.replyError(id, ERROR.notAvailable);
}
