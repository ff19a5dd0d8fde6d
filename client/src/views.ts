/** The door `@belay/client/views`: channels, presence, history and the connection as values that change, for bindings to frameworks. */
export { type ChannelSnapshot, channelView, type ChannelViewOptions, emptyChannel } from "./channel-view.ts";
export { connectionView } from "./connection-view.ts";
export { holdConnection } from "./held-connection.ts";
export { emptyHistory, type HistorySnapshot, type HistoryView, historyView } from "./history-view.ts";
export { emptyPresence, type PresenceSnapshot, presenceView } from "./presence-view.ts";
export type { View } from "./view.ts";
