import type { ChannelName, Client, DataOf, HistoryOptions, SubscriptionOptions } from "@belay/client";
import type { ChannelViewOptions } from "@belay/client/views";
import type { MaybeRefOrGetter } from "vue";
import { useClient } from "./client-plugin.ts";
import { type ChannelUse, useChannel } from "./use-channel.ts";
import { type HistoryUse, useHistory } from "./use-history.ts";
import { type PresenceUse, usePresence } from "./use-presence.ts";

/** The composables for one map of channels: names are checked, and payloads have their types. */
export interface TypedComposables<Names extends object> {
  readonly useClient: () => Client<Names>;
  readonly useChannel: <Name extends ChannelName<Names>>(
    channel: MaybeRefOrGetter<Name>,
    options?: ChannelViewOptions<DataOf<Names, Name>>,
  ) => ChannelUse<DataOf<Names, Name>>;
  readonly usePresence: (channel: MaybeRefOrGetter<ChannelName<Names>>, options?: SubscriptionOptions) => PresenceUse;
  readonly useHistory: <Name extends ChannelName<Names>>(
    channel: MaybeRefOrGetter<Name>,
    options?: MaybeRefOrGetter<HistoryOptions>,
  ) => HistoryUse<DataOf<Names, Name>>;
}

/** `typedComposables<{ "chat:*": Message }>()`, once in an application: the same composables, typed. */
export function typedComposables<Names extends object>(): TypedComposables<Names> {
  return { useClient, useChannel, usePresence, useHistory } as unknown as TypedComposables<Names>;
}
