export type { CancelTimer, Clock, Random } from "./clock.ts";
export { systemClock, systemRandom } from "./clock.ts";
export type { ClientCodec, DecodedFrame } from "./codec.ts";
export type * from "./messages.ts";
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
export { httpStreamTransport } from "./http-stream-transport.ts";
export { jsonCodec } from "./json-codec.ts";
export { sseTransport } from "./sse-transport.ts";
export { webSocketTransport } from "./websocket-transport.ts";
