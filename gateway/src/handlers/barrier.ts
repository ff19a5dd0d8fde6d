import { ERROR, type RpcCommand, type StreamPosition } from "@belay/protocol";
import { BARRIER_RULE, readBarrier } from "./barrier-request.ts";
import type { ClientConnection, Handler } from "./services.ts";

/** What is on its way gets this long to come; then the client is told what did not. */
const WAIT_MS = 2_000;
const LOOK_MS = 5;

/** The reply stands behind everything up to the places named: what comes after them another connection delivers. */
export const barrier: Handler<RpcCommand> = (connection, { id, data }, { clock }) => {
  const places = connection.handover === undefined ? undefined : readBarrier(data);
  if (places === undefined) {
    const isUnasked = connection.handover === undefined;
    connection.replyError(id, isUnasked ? ERROR.notAvailable : { ...ERROR.badRequest, message: BARRIER_RULE });
    return undefined;
  }
  const untilMs = clock.nowMs() + WAIT_MS;
  const { promise, resolve } = Promise.withResolvers<void>();
  const behind: string[] = [];
  let waiting = [...places];
  const look = (): void => {
    // Only what may still come is looked at again: a client can name far more than it is subscribed to.
    waiting = waiting.filter(([channel, place]) => {
      const state = stateOf(connection, channel, place);
      if (state === "hopeless") behind.push(channel);
      return state === "behind";
    });
    if (waiting.length > 0 && clock.nowMs() < untilMs) {
      setTimeout(look, LOOK_MS);
      return;
    }
    behind.push(...waiting.map(([channel]) => channel));
    const answer = behind.length === 0 ? {} : { behind };
    connection.reply({ kind: "rpc", id, data: Buffer.from(JSON.stringify(answer)) });
    resolve();
  };
  look();
  return promise;
};

/** `hopeless`: waiting brings nothing. */
function stateOf(
  connection: ClientConnection,
  channel: string,
  place: StreamPosition,
): "reached" | "behind" | "hopeless" {
  const subscription = connection.subscriptions.get(channel);
  if (subscription === undefined || !connection.isOpen) return "hopeless";
  // Both connections read the same inbox from where the client stands.
  if (subscription.inboxFeed !== undefined || subscription.member?.hasReached(place) === true) return "reached";
  return subscription.member?.isLost === true ? "hopeless" : "behind";
}
