import { channelProblem, type ConnectCommand, type ErrorReply } from "@belay/protocol";
import type { Identity, ServerSubscription } from "../session/session.ts";
import type { ClientConnection, Services } from "./services.ts";
import { authorize, refuseEarly } from "./subscribe.ts";

export interface Naming {
  readonly connection: ClientConnection;
  readonly command: ConnectCommand;
  readonly identity: Identity;
  /** What token or hook subscribe the client to, whatever it names. */
  readonly granted: ReadonlyMap<string, ServerSubscription>;
}

type Named =
  | { readonly ok: true; readonly subs: ReadonlyMap<string, ServerSubscription> }
  | { readonly ok: false; readonly error: ErrorReply };

/**
 * What a client that only listens is subscribed to: it has no other command to ask with than connect (UNI2). A channel that it
 * may not subscribe to is left out; where that cannot be found out now it has to come again.
 */
export async function namedSubscriptions(
  { connection, command, identity, granted }: Naming,
  services: Services,
): Promise<Named> {
  const names = [...(command.subs?.keys() ?? [])].filter((channel) => !granted.has(channel));
  const most = services.settings.current.config.limits.maxChannelsPerConnection - granted.size;
  const judged = await Promise.all(
    names.slice(0, Math.max(0, most)).map(async (channel) => {
      const request = { ...command.subs?.get(channel), kind: "subscribe", id: command.id, channel } as const;
      const lookup = services.channels().find(channel);
      const isRefused =
        channelProblem(channel) !== undefined || refuseEarly(connection, request, lookup, services) !== undefined;
      // Unfiltered it would get more than it asked for.
      if (isRefused || !lookup.ok || request.tagsFilter !== undefined) return undefined;
      return { channel, allowed: await authorize({ connection, command: request, identity, lookup }, services) };
    }),
  );
  const subs = new Map(granted);
  for (const each of judged) {
    if (each === undefined || "close" in each.allowed) continue;
    if (!("error" in each.allowed)) subs.set(each.channel, each.allowed);
    else if (each.allowed.error.temporary === true) return { ok: false, error: each.allowed.error };
  }
  return { ok: true, subs };
}
