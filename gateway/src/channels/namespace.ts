/** What a channel allows and keeps: one namespace of the configuration, compiled. */
import type { HistoryRetention } from "../broker/broker.ts";

/** Who may do something: nobody, an anonymous client too, one with a user, one that is subscribed, or only one whose token says so. */
export type Permission = "none" | "anonymous" | "authenticated" | "subscriber" | "token";

export type ChannelOperation = "subscribe" | "publish" | "history" | "presence";

/** Hooks of the application that a namespace asks. */
interface NamespaceHooks {
  readonly subscribe: boolean;
  readonly publish: boolean;
  readonly subRefresh: boolean;
}

export type PayloadVerdict =
  | { readonly ok: true; readonly data: Buffer }
  /** `problem` names the path and the rule, for the error's message. */
  | { readonly ok: false; readonly problem: string };

export interface Namespace {
  /** Empty for channels without a prefix. */
  readonly name: string;
  readonly allow: Readonly<Record<ChannelOperation, Permission>>;
  /** Absent: nothing is kept. */
  readonly history?: HistoryRetention;
  readonly forceRecovery: boolean;
  readonly forcePositioning: boolean;
  /** `stream`: everything since the position; `cache`: only the latest publication. */
  readonly recoveryMode: "stream" | "cache";
  /** Publications have no place, and a slow reader gets the newest of each key only. */
  readonly ephemeral: boolean;
  readonly presence: boolean;
  /** Join and leave are told to subscribers that ask. */
  readonly joinLeave: boolean;
  /** Join and leave are told to every subscriber. */
  readonly forceJoinLeave: boolean;
  /** Clients may negotiate deltas. */
  readonly delta: boolean;
  /** Every publication of a client or of the API goes out as a delta where negotiated, without the publisher's asking. */
  readonly publishDelta: boolean;
  readonly tagsFilter: boolean;
  /** `json`: data that is not JSON is refused. `binary`: anything goes, and JSON clients cannot subscribe. */
  readonly payload: "json" | "binary";
  /** Bytes. */
  readonly maxPayloadBytes: number;
  /** What is published goes into the inboxes of the users that the channel lists; who subscribes reads the own one. */
  readonly inbox: boolean;
  /** Connections of one node subscribed at once. */
  readonly maxSubscribers?: number;
  readonly hooks: NamespaceHooks;
  /** Checks a client's or the API's payload against schema and sanitizes it. Pure; bounded time. */
  checkPayload(data: Buffer): PayloadVerdict;
}

export type ChannelLookup =
  | {
      readonly ok: true;
      readonly namespace: Namespace;
      /** Users that a `#a,b` channel is for; absent for any other. */
      readonly users?: ReadonlySet<string>;
      /** The name begins with the private prefix: only a subscription token opens it. */
      readonly isPrivate: boolean;
    }
  /** `unknownNamespace` → error 102, `badName` → 107 with the problem. */
  | { readonly ok: false; readonly reason: "unknownNamespace" | "badName"; readonly problem: string };

/** The namespaces of one configuration. Replaced as a whole. */
export interface ChannelTable {
  readonly names: readonly string[];
  find(channel: string): ChannelLookup;
  /** Of rpc `method` with prefix `ns:`; undefined where no hook serves it. */
  hasRpcHook(method: string): boolean;
}
