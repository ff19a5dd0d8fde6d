import type { Command } from "@belay/protocol";
import { connect } from "./connect.ts";
import { history } from "./history.ts";
import { ping } from "./ping.ts";
import { presence } from "./presence.ts";
import { publish } from "./publish.ts";
import { refresh, subRefresh } from "./refresh.ts";
import { rpc } from "./rpc.ts";
import { send } from "./send.ts";
import type { Handler } from "./services.ts";
import { subscribe } from "./subscribe.ts";
import { unsubscribe } from "./unsubscribe.ts";

type HandlerTable = { readonly [K in Command["kind"]]: Handler<Extract<Command, { readonly kind: K }>> };

const nothing = (): undefined => undefined;

const HANDLERS: HandlerTable = {
  connect,
  subscribe,
  unsubscribe,
  publish,
  presence,
  presence_stats: presence,
  history,
  rpc,
  refresh,
  sub_refresh: subRefresh,
  ping,
  send,
  pong: nothing,
};

/** One handler for each kind of command. */
export const handle: Handler<Command> = (connection, command, services) => {
  const handler = HANDLERS[command.kind] as Handler<Command>;
  return handler(connection, command, services);
};
