/** What a request for an HTTP stream asks for (STR1, STR5, UNI1). Pure: path, query and content type in, the form out. */
import type { Codec } from "@belay/protocol";
import type { TransportName } from "@belay/protocol/control";
import { splitUrl } from "./handshake.ts";

export type StreamTransport = Exclude<TransportName, "websocket" | "uni_websocket">;

/** Transports over the response of a request, by path. */
export const STREAM_PATHS: ReadonlyMap<string, StreamTransport> = new Map<string, StreamTransport>([
  ["/connection/sse", "sse"],
  ["/connection/http_stream", "http_stream"],
  ["/connection/uni_sse", "uni_sse"],
  ["/connection/uni_http_stream", "uni_http_stream"],
]);

export interface StreamRequest {
  readonly url: string;
  readonly contentType: string | undefined;
}

/** The forms of the protocol that are served. */
export interface Codecs {
  readonly json: Codec;
  readonly protobuf?: Codec;
}

export interface StreamForm {
  readonly codec: "json" | "protobuf";
  /** What the query brings of the connect command or request; empty when it is in the body or nowhere. */
  readonly connect: string;
}

/** Undefined for a form that the transport does not have. */
export function readStreamForm(
  transport: StreamTransport,
  { url, contentType }: StreamRequest,
): StreamForm | undefined {
  const { query } = splitUrl(url);
  const named = query.get("cf_protocol") ?? query.get("format");
  const isProtobuf = named === null ? isOctetStream(contentType) : named === "protobuf";
  if (named !== null && named !== "protobuf" && named !== "json") return undefined;
  if (isProtobuf && transport !== "http_stream") return undefined;
  return { codec: isProtobuf ? "protobuf" : "json", connect: query.get("cf_connect") ?? "" };
}

export function isOctetStream(contentType: string | undefined): boolean {
  return contentType?.split(";")[0]?.trim().toLowerCase() === "application/octet-stream";
}

/**
 * The frame that connects a client without commands of its own: its connect request, as JSON, made a command. Undefined for what
 * is no JSON object. Nothing at all is an empty request.
 */
export function uniConnectFrame(request: string): Buffer | undefined {
  const text = request.trim() === "" ? "{}" : request;
  if (!isJsonObject(text)) return undefined;
  // In JSON a newline stands only between tokens; in a frame it would end the command.
  return Buffer.from(`{"id":1,"connect":${text.replaceAll(/[\r\n]/g, " ")}}`);
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    // Not JSON: the caller refuses it.
    return false;
  }
}
