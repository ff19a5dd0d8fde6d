export type { ChannelName, DataOf } from "./channel-map.ts";
export { type AnyChannels, type CallOptions, Client, type ClientEvents } from "./client.ts";
export type { CancelTimer, Clock, Random } from "./clock.ts";
export { systemClock, systemRandom } from "./clock.ts";
export type { ClientStore, StoredPublish } from "./client-store.ts";
export type { ClientCodec, DecodedFrame } from "./codec.ts";
export { createClient } from "./create-client.ts";
export type { Listener, Unlisten } from "./emitter.ts";
export * from "./errors.ts";
export { httpStreamTransport } from "./http-stream-transport.ts";
export type { InboxMessage } from "./inbox.ts";
export type { ChannelInspection, ConnectionInspection, Inspection } from "./inspect.ts";
export { jsonCodec } from "./json-codec.ts";
export type { LinkEnd } from "./link.ts";
export type * from "./messages.ts";
export type { EventSourceLike, NetworkScope } from "./network-watch.ts";
export type { ClientOptions, Parts } from "./options.ts";
export type { Publication } from "./publication.ts";
export type { QueueLimits } from "./publish-queue.ts";
export type { PublishOptions } from "./publisher.ts";
export type { Reset, ResetReason } from "./sequencer.ts";
export type { ServerFeedEvents } from "./server-feeds.ts";
export { sseTransport } from "./sse-transport.ts";
export type { ClosedReason, Phase, State, StateName } from "./state.ts";
export type {
  ChannelCalls,
  History,
  HistoryOptions,
  PresenceStats,
  Subscription,
  SubscriptionEvents,
  SubscriptionState,
  SubscriptionStateName,
} from "./subscription.ts";
export type { SubscriptionOptions } from "./subscription-options.ts";
export type { TokenProvider } from "./token-source.ts";
export type { TraceBody, TraceEvent } from "./trace.ts";
export type { TransportMemory } from "./transport-choice.ts";
export type {
  EmulatedSession,
  Environment,
  Format,
  Frame,
  OpenOptions,
  Transport,
  TransportClose,
  TransportEvents,
  TransportFactory,
} from "./transport.ts";
export { webSocketTransport } from "./websocket-transport.ts";
