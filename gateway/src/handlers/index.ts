import type { Command } from "@belay/protocol";
import { connect } from "./connect.ts";
import { ping } from "./ping.ts";
import { publish } from "./publish.ts";
import type { Handler } from "./services.ts";
import { subscribe } from "./subscribe.ts";
import { unserved } from "./unserved.ts";
import { unsubscribe } from "./unsubscribe.ts";

/** One handler for each kind of command. */
export const handle: Handler<Command> = (connection, command, services) => {
  switch (command.kind) {
    case "connect":
      return connect(connection, command, services);
    case "subscribe":
      return subscribe(connection, command, services);
    case "unsubscribe":
      return unsubscribe(connection, command, services);
    case "publish":
      return publish(connection, command, services);
    case "ping":
      return ping(connection, command, services);
    case "unserved":
      return unserved(connection, command, services);
    case "pong":
      return undefined;
  }
};
