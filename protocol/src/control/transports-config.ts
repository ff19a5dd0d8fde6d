/** How clients may be connected; the names are those of metrics and hooks too. */
export type TransportName = "websocket" | "sse" | "http_stream" | "uni_websocket" | "uni_sse" | "uni_http_stream";

export const TRANSPORT_NAMES: readonly TransportName[] = [
  "websocket",
  "sse",
  "http_stream",
  "uni_websocket",
  "uni_sse",
  "uni_http_stream",
];

/** The client port: which transports it has and whose pages may use them. */
export interface TransportsConfig {
  /** *hot* For connections made from then on. Default all. */
  readonly enabled?: readonly TransportName[];
  /**
   * *hot* Origins of pages that may connect: `same-host` (the page came from the host the request goes to), `https://app.example`,
   * `https://*.app.example` (any sub-domain), `*`. A request without `Origin` comes from no page and may always connect. Default
   * `same-host`.
   */
  readonly allowedOrigins?: readonly string[];
  /** *hot* permessage-deflate, for WebSockets opened from then on whose client offers it. */
  readonly compression?: {
    /** Default false. */
    readonly enabled?: boolean;
    /** zlib's level, 1 to 9. Default 1. */
    readonly level?: number;
    /** Smaller frames go uncompressed, bytes. Default 512. */
    readonly thresholdBytes?: number;
  };
}
