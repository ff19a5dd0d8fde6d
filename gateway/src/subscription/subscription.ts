import type { SubscribeRequest } from "@belay/protocol";
import type { Namespace } from "../channels/namespace.ts";
import type { Member } from "../hub/member.ts";
import type { InboxFeed } from "../inbox/inbox-feed.ts";
import type { ServerSubscription } from "../session/session.ts";

export interface SubscriptionOptions extends ServerSubscription {
  readonly channel: string;
  readonly namespace: Namespace;
  /** The server made it: no subscribe command asked for it. */
  readonly isServerSide: boolean;
}

/** One channel of one connection, from the moment it is asked for. */
export class Subscription {
  readonly options: SubscriptionOptions;
  /** `opening` until its reply is queued; left for good with `closed`. */
  state: "opening" | "active" | "closed" = "opening";
  member: Member | undefined;
  /** What the client asked for when it was opened. */
  wants: SubscribeRequest = {};
  /** In place of a member where the channel is one of an inbox. */
  inboxFeed: InboxFeed | undefined;
  /** The node wants the channel from the broker because of it. */
  isHeld = false;
  /** Client id under which it counts in the channel's presence. */
  presentAs: string | undefined;
  /** The client info with which others were told that it came, and will be told that it goes. */
  announcedInfo: Buffer | undefined;
  /** Seconds since 1970 at which it ends; moved by a refresh. */
  expiresAt: number | undefined;

  #namespace: Namespace;

  constructor(options: SubscriptionOptions) {
    this.options = options;
    this.#namespace = options.namespace;
    this.expiresAt = options.expiresAt;
  }

  get channel(): string {
    return this.options.channel;
  }

  get namespace(): Namespace {
    return this.#namespace;
  }

  /** The same namespace of a newer configuration, by which the subscription can go on. */
  adopt(namespace: Namespace): void {
    this.#namespace = namespace;
  }

  /** What the token or hook says, else what the namespace says. */
  setting(name: "presence" | "joinLeave" | "forceJoinLeave" | "forceRecovery" | "forcePositioning"): boolean {
    return this.options.override?.[name] ?? this.#namespace[name];
  }
}
