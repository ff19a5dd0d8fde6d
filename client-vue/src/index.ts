/** `@belay/vue`: the client SDK as composables. */
export { clientPlugin, useClient } from "./client-plugin.ts";
export { type TypedComposables, typedComposables } from "./typed-composables.ts";
export { type ChannelUse, useChannel } from "./use-channel.ts";
export { useConnection } from "./use-connection.ts";
export { type HistoryUse, useHistory } from "./use-history.ts";
export { type PresenceUse, usePresence } from "./use-presence.ts";
