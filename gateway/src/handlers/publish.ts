import { channelProblem, ERROR, type ErrorReply, MAX_PUBLISH_KEY_LENGTH, type PublishCommand } from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { clientKey } from "./client-key.ts";
import type { ChannelLookup, Namespace, PayloadVerdict } from "../channels/namespace.ts";
import { refusalOf } from "../channels/permissions.ts";
import { hookClientOf } from "../hooks/hook-client.ts";
import type { PublishDecision } from "../hooks/hooks.ts";
import type { Identity } from "../session/session.ts";
import { clientInfoOf } from "../subscription/client-info-of.ts";
import { lookupRefusal } from "../channels/lookup-refusal.ts";
import type { ClientConnection, Handler, Services } from "./services.ts";

/** As long as the server API remembers one. */
const IDEMPOTENCY_TTL_MS = 300_000;

const KEY_RULE = `belay.key must have at most ${MAX_PUBLISH_KEY_LENGTH} characters`;

const NO_USERS: ReadonlySet<string> = new Set();

export const publish: Handler<PublishCommand> = (connection, command, services) => {
  const { id, channel, type = 0 } = command;
  const { identity } = connection;
  if (type !== 0) {
    connection.replyError(id, ERROR.notAvailable);
    return undefined;
  }
  const problem = channelProblem(channel) ?? keyProblem(connection, command);
  if (identity === undefined || problem !== undefined) {
    connection.replyError(id, { ...ERROR.badRequest, ...(problem !== undefined && { message: problem }) });
    return undefined;
  }
  const lookup = services.channels().find(channel);
  if (!lookup.ok) {
    connection.replyError(id, lookupRefusal(lookup));
    return undefined;
  }
  const refusal = refusalFor({ connection, command, identity, lookup }, services);
  if (refusal !== undefined) {
    connection.replyError(id, refusal);
    return undefined;
  }
  const { namespace, users = NO_USERS } = lookup;
  return publishTo({ connection, command, identity, namespace, users }, services);
};

/** A key that nobody agreed on means nothing, like everything else that is not known. */
function keyProblem({ agreed }: ClientConnection, { key = "" }: PublishCommand): string | undefined {
  return agreed.keys && key.length > MAX_PUBLISH_KEY_LENGTH ? KEY_RULE : undefined;
}

/** The application's key before the client's: it knows what is the same. */
function idempotencyKeyOf(
  { connection, command, identity }: Publishing,
  decision: PublishDecision,
): string | undefined {
  if (decision.idempotencyKey !== undefined || !connection.agreed.keys || command.key === undefined)
    return decision.idempotencyKey;
  return clientKey({ channel: command.channel, user: identity.user }, command.key);
}

interface PublishAttempt {
  readonly connection: ClientConnection;
  readonly command: PublishCommand;
  readonly identity: Identity;
  readonly lookup: Extract<ChannelLookup, { ok: true }>;
}

function refusalFor(
  { connection, command, identity, lookup }: PublishAttempt,
  { inbox }: Services,
): ErrorReply | undefined {
  const { channel } = command;
  const isSubscribed = connection.subscriptions.get(channel)?.state === "active";
  const refusal = refusalOf({ operation: "publish", channel, lookup, identity, isSubscribed });
  if (refusal !== undefined || !lookup.namespace.inbox) return refusal;
  // A message for nobody, or for inboxes that there are not.
  return (lookup.users?.size ?? 0) === 0 || !inbox.isEnabled ? ERROR.notAvailable : undefined;
}

interface Publishing {
  readonly connection: ClientConnection;
  readonly command: PublishCommand;
  readonly identity: Identity;
  readonly namespace: Namespace;
  /** Those that the channel lists. */
  readonly users: ReadonlySet<string>;
}

function publishTo(publishing: Publishing, services: Services): Promise<void> | undefined {
  const { connection, command, namespace } = publishing;
  const data = toBuffer(command.data);
  const verdict = namespace.checkPayload(data);
  if (!verdict.ok) return finish(publishing, badRequest(verdict.problem), services);
  if (!namespace.hooks.publish) return finish(publishing, verdict, services);
  // In its place: what the client publishes next waits until the application has answered.
  return connection.runForChannel(command.channel, async () => {
    await finish(publishing, await askHook(publishing, verdict.data, services), services);
  });
}

async function finish(publishing: Publishing, answer: Checked, services: Services): Promise<void> {
  const { connection, command, namespace } = publishing;
  const { id } = command;
  if ("error" in answer) return connection.replyError(id, answer.error);
  if ("close" in answer) return connection.close(answer.close);
  try {
    if (answer.data !== undefined)
      await (namespace.inbox ? sendToInboxes : send)(publishing, answer.data, answer.decision ?? {}, services);
    connection.reply({ kind: "publish", id });
  } catch (error) {
    if (!(error instanceof BrokerUnavailableError)) throw error;
    connection.replyError(id, ERROR.internal);
  }
}

type Checked =
  /** Without data the application has published itself. */
  | { readonly data: Buffer | undefined; readonly decision?: PublishDecision }
  | { readonly error: ErrorReply }
  | { readonly close: { readonly code: number; readonly reason: string } };

async function askHook(
  { connection, command, identity, namespace }: Publishing,
  data: Buffer,
  { hooks, log }: Services,
): Promise<Checked> {
  const { channel } = command;
  const answer = await hooks.publish({ client: hookClientOf(connection, identity), channel, data });
  if (!answer.ok) return answer;
  const { ok: _yes, data: replaced, ...decision } = answer;
  if (decision.isHandled === true) return { data: undefined };
  const verdict: PayloadVerdict = replaced === undefined ? { ok: true, data } : namespace.checkPayload(replaced);
  if (verdict.ok) return { data: verdict.data, decision };
  // Not the client's doing: it would look for the fault in what it sent.
  log.warn({ channel, problem: verdict.problem }, "the publish hook's payload was refused");
  return { error: ERROR.internal };
}

function badRequest(problem: string): Checked {
  return { error: { ...ERROR.badRequest, message: problem } };
}

async function send(
  publishing: Publishing,
  data: Buffer,
  decision: PublishDecision,
  services: Services,
): Promise<void> {
  const { connection, command, identity, namespace } = publishing;
  const { channel } = command;
  const { tags, isUnstored, useDelta, version } = decision;
  const idempotencyKey = idempotencyKeyOf(publishing, decision);
  const { history, publishDelta, ephemeral } = namespace;
  const content = {
    channel,
    data,
    info: clientInfoOf(identity, connection.subscriptions.get(channel)?.options.info),
    ...(tags !== undefined && { tags }),
  };
  if (ephemeral) return services.broker.publishEphemeral({ ...content, key: connection.client });
  await services.broker.publish({
    ...content,
    ...(history !== undefined && isUnstored !== true && { history }),
    ...((publishDelta || useDelta === true) && { useDelta: true }),
    ...(version !== undefined && { version }),
    ...(idempotencyKey !== undefined && { idempotency: { key: idempotencyKey, ttlMs: IDEMPOTENCY_TTL_MS } }),
  });
}

/** Into the inbox of each user that the channel lists. */
async function sendToInboxes(
  publishing: Publishing,
  data: Buffer,
  decision: PublishDecision,
  { inbox }: Services,
): Promise<void> {
  const { connection, command, identity, users } = publishing;
  const { tags } = decision;
  const idempotencyKey = idempotencyKeyOf(publishing, decision);
  const info = clientInfoOf(identity, connection.subscriptions.get(command.channel)?.options.info);
  await inbox.sendToAll(users, { data, info, idempotencyKey, ...(tags !== undefined && { tags }) });
}

/** A view, not a copy: decoded payloads own their memory. */
function toBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
