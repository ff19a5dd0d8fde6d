/** Who may do something in a channel. */
export type PermissionName =
  /** No client, whatever its token says; the server API still may. */
  | "none"
  /** Whoever is connected. */
  | "anonymous"
  /** Clients with a user. */
  | "authenticated"
  /** Clients that are subscribed to the channel. */
  | "subscriber"
  /** Clients whose token names the channel: a subscription token, or a capability of the connection token. */
  | "token";

/** Whether a subscriber gets something: never, when it asks for it, or always. */
export type SubscriberOption = "Never" | "OnRequest" | "Always";

/** Tags that run nothing and fetch nothing by themselves: those that sanitizing can leave. */
export const SAFE_HTML_TAGS = [
  "a",
  "abbr",
  "b",
  "blockquote",
  "br",
  "caption",
  "cite",
  "code",
  "dd",
  "del",
  "div",
  "dl",
  "dt",
  "em",
  "figcaption",
  "figure",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "hr",
  "i",
  "ins",
  "kbd",
  "li",
  "mark",
  "ol",
  "p",
  "pre",
  "q",
  "s",
  "samp",
  "small",
  "span",
  "strong",
  "sub",
  "sup",
  "table",
  "tbody",
  "td",
  "tfoot",
  "th",
  "thead",
  "tr",
  "u",
  "ul",
  "var",
] as const;

export type SafeHtmlTag = (typeof SAFE_HTML_TAGS)[number];

/** A string in the payload that holds HTML. */
export interface SanitizeRule {
  /** JSON pointer; `*` stands for every item of a list and every member of an object. What lies below it is sanitized too. */
  readonly path: string;
  /** Tags that stay. Default: b, i, em, strong, code, pre, p, br, ul, ol, li, blockquote, a. */
  readonly allowedTags?: readonly SafeHtmlTag[];
}

/** What the channels of one namespace allow and keep. All of it is *hot*. */
export interface NamespaceOptions {
  readonly allow?: {
    /** Default for a namespace `authenticated`, for channels without a prefix `anonymous`. */
    readonly subscribe?: Exclude<PermissionName, "subscriber">;
    /** Default for a namespace `token`, for channels without a prefix `anonymous`. */
    readonly publish?: PermissionName;
    /** Default `subscriber`. */
    readonly history?: PermissionName;
    /** Default `subscriber`. */
    readonly presence?: PermissionName;
  };
  /** Absent: nothing is kept. */
  readonly history?: { readonly size: number; readonly ttlSeconds: number };
  readonly recovery?: {
    /** Default `stream`; `cache` gives the latest publication only. */
    readonly mode?: "stream" | "cache";
    /** Every subscription is recoverable, asked for or not. Default false. */
    readonly force?: boolean;
  };
  /** Every subscription is positioned, asked for or not. Default false. */
  readonly forcePositioning?: boolean;
  /** Every publication is ephemeral: it has no place, and a slow reader gets the newest of each client only. Default false. */
  readonly ephemeral?: boolean;
  /** Default false. */
  readonly presence?: boolean;
  /** Default `Never`. */
  readonly joinLeave?: SubscriberOption;
  /** `OnRequest`: where the publisher asks for it. Default `Never`. */
  readonly delta?: SubscriberOption;
  /** Default false. */
  readonly tagsFilter?: boolean;
  readonly payload?: {
    /** Default `json`. */
    readonly format?: "json" | "binary";
    /** Bytes. Default: what `limits.maxMessageBytes` lets through. */
    readonly maxBytes?: number;
    /** JSON Schema, draft 2020-12. */
    readonly schema?: Readonly<Record<string, unknown>>;
    readonly sanitize?: readonly SanitizeRule[];
  };
  /**
   * What is published to a channel goes into the inbox of each user that its name lists (`#ann,bob`), and who subscribes reads the
   * own inbox. Needs `inbox.enabled`; goes with none of history, presence, joinLeave, delta, tagsFilter, ephemeral, positioning and binary
   * payloads. Default false.
   */
  readonly inbox?: boolean;
  /** Names that are allowed, behind the prefix and before `#`, as whole RE2 expressions. Default: every name. */
  readonly namePatterns?: readonly string[];
  /** Subscribers of one channel on one node. Default: no limit. */
  readonly maxSubscribers?: number;
  /** Which hooks of the application are asked. */
  readonly hooks?: {
    /** Default false. */
    readonly subscribe?: boolean;
    /** Default false. */
    readonly publish?: boolean;
    /** Default false. */
    readonly subRefresh?: boolean;
    /** For methods `<namespace>:…`, and, without a prefix, those of no namespace. Default true. */
    readonly rpc?: boolean;
  };
}

export interface NamespaceConfig extends NamespaceOptions {
  /** What stands before the colon in the names of its channels. */
  readonly name: string;
}

/** *hot* The namespaces of channels. */
export interface ChannelsConfig {
  /** Channels without a prefix. */
  readonly unprefixed?: NamespaceOptions;
  readonly namespaces?: readonly NamespaceConfig[];
}
