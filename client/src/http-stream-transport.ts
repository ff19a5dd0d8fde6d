import { contentType } from "./emulation-posts.ts";
import { JsonLines, ProtobufMessages } from "./stream-framing.ts";
import { readStream } from "./stream-response.ts";
import { type Listen, StreamTransport } from "./stream-transport.ts";
import type { TransportFactory } from "./transport.ts";

/** The response of one POST, read as it comes; what the client says later goes in POSTs of its own. */
export const httpStreamTransport: TransportFactory = {
  name: "http_stream",
  formats: ["json", "protobuf"],
  isSupported: ({ fetch }) => fetch !== undefined && typeof ReadableStream === "function",
  open: (options, events) => new StreamTransport("http_stream", options, events, listen),
};

const listen: Listen = ({ endpoint, format, connectFrame, headers, environment }, listening) => {
  const abort = new AbortController();
  const { fetch = globalThis.fetch } = environment;
  const read = async (): Promise<string> => {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { ...headers, "Content-Type": contentType(connectFrame) },
      body: connectFrame as BodyInit,
      cache: "no-store",
      signal: abort.signal,
    });
    return readStream(response, format === "protobuf" ? new ProtobufMessages() : new JsonLines(), listening);
  };
  read().then(listening.onEnd, (error: unknown) => listening.onEnd(String(error)));
  return () => abort.abort();
};
