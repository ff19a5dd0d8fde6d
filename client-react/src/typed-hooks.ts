import type { ChannelName, Client, DataOf, HistoryOptions, SubscriptionOptions } from "@belay/client";
import type { ChannelViewOptions, PresenceSnapshot } from "@belay/client/views";
import { useClient } from "./client-provider.ts";
import { type ChannelUse, useChannel } from "./use-channel.ts";
import { type HistoryUse, useHistory } from "./use-history.ts";
import { usePresence } from "./use-presence.ts";

/** The hooks for one map of channels: names are checked, and payloads have their types. */
export interface TypedHooks<Names extends object> {
  readonly useClient: () => Client<Names>;
  readonly useChannel: <Name extends ChannelName<Names>>(
    channel: Name,
    options?: ChannelViewOptions<DataOf<Names, Name>>,
  ) => ChannelUse<DataOf<Names, Name>>;
  readonly usePresence: (channel: ChannelName<Names>, options?: SubscriptionOptions) => PresenceSnapshot;
  readonly useHistory: <Name extends ChannelName<Names>>(
    channel: Name,
    options?: HistoryOptions,
  ) => HistoryUse<DataOf<Names, Name>>;
}

/** `typedHooks<{ "chat:*": Message }>()`, once in an application: the same hooks, typed. */
export function typedHooks<Names extends object>(): TypedHooks<Names> {
  return { useClient, useChannel, usePresence, useHistory } as unknown as TypedHooks<Names>;
}
