/** The extension E3: a client that asks in connect gets the inbox of its user. */
import { type ConnectCommand, ERROR, type ErrorReply, type InboxRequest, type InboxResult } from "@belay/protocol";
import { BrokerUnavailableError } from "../broker/broker.ts";
import { toPublication } from "../hub/client-info.ts";
import type { InboxFeed } from "../inbox/inbox-feed.ts";
import type { ClientConnection, Services } from "./services.ts";

/** An inbox that is open: what the client is told, and what follows. */
export interface ConnectedInbox {
  readonly result: InboxResult;
  readonly feed: InboxFeed;
}

const MAX_GROUP_LENGTH = 64;
const GROUP_RULE = `belay.inbox.group must have at most ${MAX_GROUP_LENGTH} characters`;

/** What the client asks for, where it can be granted. */
export function inboxAsked(command: ConnectCommand, user: string, { inbox }: Services): InboxRequest | undefined {
  return user !== "" && inbox.isEnabled ? command.belay?.inbox : undefined;
}

export async function connectInbox(
  connection: ClientConnection,
  user: string,
  { group, epoch, offset }: InboxRequest,
  services: Services,
): Promise<ConnectedInbox | { readonly error: ErrorReply }> {
  if (group.length > MAX_GROUP_LENGTH) return { error: { ...ERROR.badRequest, message: GROUP_RULE } };
  try {
    const { position, hasLost, feed } = await services.inbox.open({
      user,
      group,
      ...(epoch !== "" && { since: { epoch, offset } }),
      reader: {
        queuedBytes: () => connection.queuedBytes,
        deliver: (message) =>
          connection.push({
            kind: "inbox",
            epoch: message.position.epoch,
            publication: toPublication({ ...message, offset: message.position.offset }),
          }),
        // Every message says its own.
        onEpoch: () => undefined,
      },
    });
    return { feed, result: { group, ...position, ...(hasLost && { lost: true }) } };
  } catch (error) {
    if (error instanceof BrokerUnavailableError) return { error: ERROR.internal };
    throw error;
  }
}
