import { ERROR, type RpcCommand } from "@belay/protocol";
import { z } from "zod";
import { BrokerUnavailableError, type Position } from "../broker/broker.ts";
import type { Handler } from "./services.ts";

/** Method of the rpc with which any client acknowledges what came from its inbox. */
export const ACK_METHOD = "belay:ack";

const PLACE_RULE = 'data must be {"epoch": "…", "offset": n}';
const place: z.ZodType<Position> = z.object({
  epoch: z.string(),
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

export const ackInbox: Handler<RpcCommand> = (connection, { id, data }, services) => {
  const { identity } = connection;
  if (identity === undefined || identity.user === "" || !services.inbox.isEnabled) {
    connection.replyError(id, ERROR.notAvailable);
    return undefined;
  }
  const position = place.safeParse(parse(data)).data;
  if (position === undefined) {
    connection.replyError(id, { ...ERROR.badRequest, message: PLACE_RULE });
    return undefined;
  }
  const group = connection.inboxFeed?.group ?? "";
  return services.inbox.ack(identity.user, group, position).then(
    ({ offset }) => connection.reply({ kind: "rpc", id, data: Buffer.from(JSON.stringify({ offset })) }),
    (error: unknown) => {
      if (!(error instanceof BrokerUnavailableError)) throw error;
      connection.replyError(id, ERROR.internal);
    },
  );
};

function parse(data: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(data ?? []).toString("utf8"));
  } catch {
    // Not JSON: refused like anything else that is no place.
    return undefined;
  }
}
