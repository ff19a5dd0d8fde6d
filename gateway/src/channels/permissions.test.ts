import { expect, test } from "vitest";
import type { Identity } from "../session/session.ts";
import type { ChannelOperation, Permission } from "./namespace.ts";
import { CLIENTS, codeOf, KEEPING, type PermissionCase, permissionCases } from "./permission-matrix.ts";
import { refusalOf } from "./permissions.ts";

/**
 * Who gets in, written out: for each permission a cell for an anonymous client and one for a client with a user. `-` nobody, `+`
 * anybody, `s` only when subscribed, `t` only by a token (capability or subscription token), `S` when subscribed or by a token.
 */
const TABLE: Readonly<Record<PermissionCase["channel"], Readonly<Record<Permission, string>>>> = {
  open: { none: "--", anonymous: "++", authenticated: "t+", subscriber: "SS", token: "tt" },
  // A capability opens none of these; a subscription token does, and then counts as a token too.
  private: { none: "--", anonymous: "PP", authenticated: "pP", subscriber: "qq", token: "pp" },
  "of others": { none: "--", anonymous: "PP", authenticated: "pP", subscriber: "qq", token: "pp" },
  "of the user": { none: "--", anonymous: "P+", authenticated: "p+", subscriber: "qS", token: "pt" },
};

interface Holder {
  readonly isSubscribed: boolean;
  readonly byCapability: boolean;
  readonly bySubscriptionToken: boolean;
}

const CELLS: Readonly<Record<string, (holder: Holder) => boolean>> = {
  "-": () => false,
  "+": () => true,
  t: (holder) => holder.byCapability || holder.bySubscriptionToken,
  S: (holder) => holder.isSubscribed || holder.byCapability || holder.bySubscriptionToken,
  // Closed: let in by a subscription or a subscription token …
  P: (holder) => holder.isSubscribed || holder.bySubscriptionToken,
  // … and, once in, by what a token says.
  p: (holder) => holder.bySubscriptionToken || (holder.isSubscribed && holder.byCapability),
  q: (holder) => holder.isSubscribed || holder.bySubscriptionToken,
};

test("[CHN5] every permission × client × operation × subscription × token × kind of channel is answered by the table", () => {
  const wrong: string[] = [];
  for (const each of permissionCases()) {
    const cell = TABLE[each.channel][each.permission][CLIENTS.indexOf(each.client)] ?? "";
    const isAllowed = CELLS[cell]?.({
      isSubscribed: each.isSubscribed,
      byCapability: each.token === "capability",
      bySubscriptionToken: each.token === "subscription token",
    });
    const code = codeOf(each, KEEPING);
    if (code !== (isAllowed === true ? 0 : 103)) wrong.push(`${JSON.stringify(each)} → ${code}`);
  }
  expect(wrong).toEqual([]);
  expect(permissionCases().length).toBe(720);
});

test("[CHN5] what the namespace does not keep is 108 for everybody, whatever it allows", () => {
  const { history: _history, ...nothing } = KEEPING;
  const reads = permissionCases().filter(({ operation }) => operation === "history" || operation === "presence");
  const codes = reads.map((each) => codeOf(each, { ...nothing, presence: false }));
  expect(new Set(codes)).toEqual(new Set([108]));
});

const withCaps = (caps: NonNullable<Identity["caps"]>): Identity => ({ client: "c", user: "anna", caps });
const ask = (channel: string, operation: ChannelOperation, identity: Identity): number =>
  refusalOf({
    operation,
    channel,
    identity,
    isSubscribed: false,
    lookup: {
      ok: true,
      isPrivate: false,
      namespace: { ...KEEPING, allow: { ...KEEPING.allow, [operation]: "token" } },
    },
  })?.code ?? 0;

test("[CHN6] a capability opens the channels that it names, for the operations that it names", () => {
  const exact = withCaps([{ channels: ["a", "b"], match: "exact", allow: ["sub"] }]);
  expect(ask("b", "subscribe", exact)).toBe(0);
  expect(ask("b", "publish", exact)).toBe(103);
  expect(ask("c", "subscribe", exact)).toBe(103);
  const glob = withCaps([{ channels: ["news:*", "room?", "a.b"], match: "wildcard", allow: ["pub"] }]);
  expect(ask("news:all", "publish", glob)).toBe(0);
  expect(ask("room1", "publish", glob)).toBe(0);
  expect(ask("room12", "publish", glob)).toBe(103);
  expect(ask("xnews:all", "publish", glob)).toBe(103);
  // A dot is no wildcard.
  expect(ask("axb", "publish", glob)).toBe(103);
  const regex = withCaps([{ channels: ["room:[0-9]+"], match: "regex", allow: ["hst", "prs"] }]);
  expect(ask("room:12", "history", regex)).toBe(0);
  expect(ask("room:12x", "presence", regex)).toBe(103);
});

test("[CHN6] what is no expression, or one too large, opens nothing", () => {
  const broken = withCaps([
    { channels: ["(", "(?=a).*", "a{250}".repeat(3), ".*".repeat(200)], match: "regex", allow: ["sub"] },
  ]);
  expect(ask("a", "subscribe", broken)).toBe(103);
});
