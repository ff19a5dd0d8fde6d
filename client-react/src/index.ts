/** `@belay/react`: the client SDK as hooks. Safe in strict mode, on servers, and with concurrent rendering. */
export { ClientProvider, type ClientProviderProps, useClient } from "./client-provider.ts";
export { type TypedHooks, typedHooks } from "./typed-hooks.ts";
export { type ChannelUse, useChannel } from "./use-channel.ts";
export { useConnection } from "./use-connection.ts";
export { type HistoryUse, useHistory } from "./use-history.ts";
export { usePresence } from "./use-presence.ts";
