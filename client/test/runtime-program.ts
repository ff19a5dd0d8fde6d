/** The same few words with a gateway, for any runtime: names nothing that only one of them has. */
import { createClient } from "../src/create-client.ts";
import { httpStreamTransport } from "../src/http-stream-transport.ts";
import { webSocketTransport } from "../src/websocket-transport.ts";

const WITHIN_MS = 20_000;
const TRANSPORTS = { websocket: webSocketTransport, http_stream: httpStreamTransport } as const;

interface Meeting {
  readonly endpoint: string;
  readonly token: string;
  /** A channel that nobody else uses. */
  readonly room: string;
  readonly transport: keyof typeof TRANSPORTS;
}

export interface Conversation {
  readonly transport: string | undefined;
  readonly shown: readonly unknown[];
  readonly history: readonly unknown[];
  readonly end: string;
}

/** Publishes, hears itself, reads the history and leaves. Rejects where it does not hear itself in time. */
export async function converse({ endpoint, token, room, transport }: Meeting): Promise<Conversation> {
  const client = createClient({ endpoint, token, transports: [TRANSPORTS[transport]] });
  const channel = client.channel(room);
  const shown: unknown[] = [];
  const heard = Promise.withResolvers<void>();
  const timer = setTimeout(() => heard.reject(new Error(`shown: ${JSON.stringify(shown)}`)), WITHIN_MS);
  channel.on("publication", ({ data }) => {
    if (shown.push(data) === 2) heard.resolve();
  });
  client.connect();
  channel.subscribe();
  await channel.publish("one");
  await channel.publish({ two: "zwei ✓" });
  await heard.promise;
  clearTimeout(timer);
  const { publications } = await channel.history();
  const { connection } = client.inspect();
  client.disconnect();
  const history = publications.map(({ data }) => data);
  return { transport: connection?.transport, shown, history, end: client.state.name };
}
