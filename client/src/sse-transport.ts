import { ServerSentEvents } from "./stream-framing.ts";
import { readStream } from "./stream-response.ts";
import { type Listen, StreamTransport } from "./stream-transport.ts";
import type { OpenOptions, TransportFactory } from "./transport.ts";

/** Server-sent events: what passes proxies that hold back any other stream. The connect command stands in the query. */
export const sseTransport: TransportFactory = {
  name: "sse",
  formats: ["json"],
  isSupported: ({ EventSource, fetch }) =>
    fetch !== undefined && (EventSource !== undefined || typeof ReadableStream === "function"),
  open: (options, events) => {
    // An EventSource cannot send headers.
    const isPlain = Object.keys(options.headers ?? {}).length === 0;
    const canListen = options.environment.EventSource !== undefined && isPlain;
    return new StreamTransport("sse", options, events, canListen ? listenToEvents : readEvents);
  },
};

function urlOf({ endpoint, connectFrame }: OpenOptions): string {
  const url = new URL(endpoint);
  url.searchParams.set("cf_connect", connectFrame as string);
  return url.href;
}

const listenToEvents: Listen = (options, listening) => {
  const { EventSource = globalThis.EventSource } = options.environment;
  const source = new EventSource(urlOf(options));
  let isOpen = false;
  source.addEventListener("message", ({ data }: MessageEvent<string>) => {
    if (!isOpen) listening.onOpen();
    isOpen = true;
    listening.onFrame(data);
  });
  // It would open another stream by itself, with a connect command of yesterday.
  source.addEventListener("error", () => listening.onEnd("the stream has ended"));
  return () => source.close();
};

const readEvents: Listen = (options, listening) => {
  const abort = new AbortController();
  const { headers = {}, environment } = options;
  const { fetch = globalThis.fetch } = environment;
  const read = async (): Promise<string> => {
    const response = await fetch(urlOf(options), {
      headers: { ...headers, Accept: "text/event-stream" },
      cache: "no-store",
      signal: abort.signal,
    });
    return readStream(response, new ServerSentEvents(), listening);
  };
  read().then(listening.onEnd, (error: unknown) => listening.onEnd(String(error)));
  return () => abort.abort();
};
