/** Methods of the server API that a key may be limited to. */
export const API_METHOD_NAMES = [
  "publish",
  "broadcast",
  "inbox_send",
  "subscribe",
  "unsubscribe",
  "disconnect",
  "refresh",
  "revoke",
  "block",
  "unblock",
  "presence",
  "presence_stats",
  "history",
  "history_remove",
  "channels",
  "info",
] as const;

export type ApiMethodName = (typeof API_METHOD_NAMES)[number];

/** Who may use the server API. */
export interface ApiConfig {
  /** File with a key that opens everything. */
  readonly keyFile?: string;
  /** More keys, each with what it opens. */
  readonly keys?: readonly ApiKeyConfig[];
}

export interface ApiKeyConfig {
  /** For logs. */
  readonly name: string;
  /** File with the key, which `X-API-Key` must carry. */
  readonly keyFile: string;
  /** Methods it may call; absent: all. */
  readonly methods?: readonly ApiMethodName[];
  /** Globs over the channels it may name; absent: all. Methods that name no channel must then be listed in `methods`. */
  readonly channels?: readonly string[];
  /** Requests over all gateways, as many of them at once; a batch is one. Default: no limit. */
  readonly requestsPerSecond?: number;
}
