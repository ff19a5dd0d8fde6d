import { CLOSE, ERROR, type RefreshCommand, SERVER_VERSION, type SubRefreshCommand } from "@belay/protocol";
import { secondsUntil } from "../session/expiry.ts";
import type { Handler } from "./services.ts";

/** A new connection token on the same connection. It must be of the same user. */
export const refresh: Handler<RefreshCommand> = async (connection, { id, token }, services) => {
  const { verifier, revocations, clock } = services;
  const verdict = await verifier.verifyConnection(token);
  const { identity } = connection;
  if (identity === undefined) return;
  if (!verdict.ok) {
    if ("close" in verdict.refusal) return connection.close(verdict.refusal.close);
    // After an error reply SDKs give up for good; after this close they come back with another token.
    if (verdict.refusal.error === ERROR.tokenExpired) return connection.close(CLOSE.expired);
    return connection.replyError(id, verdict.refusal.error);
  }
  const { subs: _subs, ...claims } = verdict.claims;
  if (claims.user !== identity.user) return connection.close(CLOSE.invalidToken);
  if (revocations.judge(claims) !== undefined) return connection.close(CLOSE.revoked);
  connection.renew({ ...claims, client: identity.client });
  const { expiresAt } = claims;
  const ending = expiresAt === undefined ? {} : { expires: true, ttl: secondsUntil(expiresAt, clock) };
  connection.reply({ kind: "refresh", id, result: { client: identity.client, version: SERVER_VERSION, ...ending } });
};

/** A new subscription token for a channel that the connection is subscribed to. */
export const subRefresh: Handler<SubRefreshCommand> = async (
  connection,
  { id, channel, token, type = 0 },
  services,
) => {
  if (type !== 0) return connection.replyError(id, ERROR.notAvailable);
  const { identity } = connection;
  const subscription = connection.subscriptions.get(channel);
  if (identity === undefined) return;
  if (subscription === undefined) return connection.replyError(id, ERROR.permissionDenied);
  const { user, client } = identity;
  const verdict = await services.verifier.verifySubscription(token, { channel, user, client });
  if (!connection.isOpen || subscription.state === "closed") return;
  if (!verdict.ok) {
    if ("close" in verdict.refusal) return connection.close(verdict.refusal.close);
    return connection.replyError(id, verdict.refusal.error);
  }
  const { expiresAt } = verdict.claims;
  subscription.expiresAt = expiresAt;
  connection.watchExpiry(subscription);
  const ending = expiresAt === undefined ? {} : { expires: true, ttl: secondsUntil(expiresAt, services.clock) };
  connection.reply({ kind: "sub_refresh", id, result: ending });
};
