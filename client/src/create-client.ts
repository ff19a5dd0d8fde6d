import { type AnyChannels, Client } from "./client.ts";
import { httpStreamTransport } from "./http-stream-transport.ts";
import { jsonCodec } from "./json-codec.ts";
import type { ClientOptions } from "./options.ts";
import { sseTransport } from "./sse-transport.ts";
import { webSocketTransport } from "./websocket-transport.ts";

/**
 * A client with everything: WebSocket, then HTTP stream, then SSE, in JSON. Who wants a smaller bundle makes a `Client` with the
 * parts it needs.
 *
 * ```ts
 * const client = createClient<{ "chat:*": Chat }>({ endpoint: "https://example.com" });
 * const chat = client.channel("chat:1");
 * chat.on("publication", ({ data }) => show(data));
 * chat.subscribe();
 * client.connect();
 * ```
 */
export function createClient<Names extends object = AnyChannels>(options: ClientOptions): Client<Names> {
  const transports = [webSocketTransport, httpStreamTransport, sseTransport];
  return new Client<Names>({ transports, codec: jsonCodec, ...options });
}
