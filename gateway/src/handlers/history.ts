import { ERROR, type HistoryCommand } from "@belay/protocol";
import { toPublication } from "../hub/client-info.ts";
import { readChannel } from "./read-channel.ts";
import type { Handler } from "./services.ts";

export const history: Handler<HistoryCommand> = (connection, command, services) =>
  readChannel({ connection, command, operation: "history" }, services, async () => {
    const { id, channel, limit, since, reverse } = command;
    const { position, publications } = await services.broker.history({
      channel,
      reverse,
      ...(limit >= 0 && { limit }),
      ...(since !== undefined && { since }),
    });
    if (since !== undefined && since.epoch !== "" && since.epoch !== position.epoch) {
      return { kind: "error", id, error: ERROR.unrecoverablePosition };
    }
    const result = { publications: publications.map((stored) => toPublication(stored)), ...position };
    return { kind: "history", id, result };
  });
