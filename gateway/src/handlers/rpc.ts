import { ERROR, type RpcCommand } from "@belay/protocol";
import { hookClientOf } from "../hooks/hook-client.ts";
import type { Hooks } from "../hooks/hooks.ts";
import { ACK_METHOD, ackInbox } from "./ack-inbox.ts";
import { barrier } from "./barrier.ts";
import { BARRIER_METHOD } from "./barrier-request.ts";
import { moved, MOVED_METHOD } from "./moved.ts";
import type { ClientConnection, Handler } from "./services.ts";

export const rpc: Handler<RpcCommand> = (connection, command, services) => {
  const { id, method, data } = command;
  if (method === ACK_METHOD) return ackInbox(connection, command, services);
  if (method === BARRIER_METHOD) return barrier(connection, command, services);
  if (method === MOVED_METHOD) return moved(connection, command, services);
  const { identity } = connection;
  const isServed = services.hooks.has.rpc && services.channels().hasRpcHook(method);
  if (identity === undefined || !isServed) {
    connection.replyError(id, ERROR.methodNotFound);
    return undefined;
  }
  const client = hookClientOf(connection, identity);
  const request = { client, method, ...(data !== undefined && { data: Buffer.from(data) }) };
  return answerWith(connection, id, services.hooks.rpc(request));
};

async function answerWith(connection: ClientConnection, id: number, asked: ReturnType<Hooks["rpc"]>): Promise<void> {
  const answer = await asked;
  if (answer.ok) connection.reply({ kind: "rpc", id, ...(answer.data !== undefined && { data: answer.data }) });
  else if ("close" in answer) connection.close(answer.close);
  else connection.replyError(id, answer.error);
}
