/** One hook of the application. */
export interface HookConfig {
  /** Where it is posted to, http or https. */
  readonly url: string;
  /** Milliseconds for everything, waiting included. Default 1,000. */
  readonly timeoutMs?: number;
  /** Requests of one gateway at a time. Default 64. */
  readonly concurrency?: number;
  /** Requests that wait for their turn; more get a temporary error at once. Default 1,024. */
  readonly maxWaiting?: number;
  /** Bytes of an answer. Default 65,536. */
  readonly maxResponseBytes?: number;
  /** Names of client headers that are passed on, such as Cookie. Default none. */
  readonly headers?: readonly string[];
  /** `json`: payloads that are JSON go as `data`. `binary`: all go as `b64data`. Default json. */
  readonly encoding?: "json" | "binary";
}

/** `hooks` of the gateway's configuration. All of it is *hot*. */
export interface HooksConfig {
  /** Asked when a client connects without a token. */
  readonly connect?: HookConfig;
  /** Asked when a connection's time is over. */
  readonly refresh?: HookConfig;
  /** The following are asked where the namespace says so. */
  readonly subscribe?: HookConfig;
  readonly subRefresh?: HookConfig;
  readonly publish?: HookConfig;
  readonly rpc?: HookConfig;
  /** File with the secret that signs requests; a second line holds another one, while they are changed. */
  readonly secretFile?: string;
  /** File with PEM certificates trusted besides the usual ones. */
  readonly caFile?: string;
}
