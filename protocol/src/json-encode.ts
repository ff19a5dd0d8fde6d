import type {
  ClientInfo,
  ConnectResult,
  ExtensionPush,
  Payload,
  Publication,
  Push,
  Reply,
  SubscribeResult,
} from "./messages.ts";

import { extensionPush, grantedExtensions } from "./json-extensions.ts";

/** Replies and pushes as JSON text, one line each. Payloads are spliced in as they came, never parsed. */

const utf8 = new TextDecoder();
const bytes = new TextEncoder();

/** JSON text of the client info that goes with publications and presence. */
export function encodeClientInfo(info: ClientInfo): string {
  return object([
    ["user", JSON.stringify(info.user)],
    ["client", JSON.stringify(info.client)],
    ["conn_info", raw(info.connInfo)],
    ["chan_info", raw(info.chanInfo)],
  ]);
}

export function encodeJsonReply(reply: Reply): Uint8Array {
  return bytes.encode(`{"id":${reply.id},${member(reply)}}`);
}

export function encodeJsonPush(push: Push): Uint8Array {
  return bytes.encode(`{"push":${pushText(push)}}`);
}

/** What stands before `data` in a publication's line, ready to be shared by every publication of the channel. */
export function encodePublicationHead(channel: string): Uint8Array {
  return bytes.encode(`{"push":{"channel":${JSON.stringify(channel)},"pub":{"data":`);
}

/** What stands behind it. */
export function encodePublicationTail(publication: Omit<Publication, "data" | "info">, info?: Payload): Uint8Array {
  return bytes.encode(`${publicationRest(publication, raw(info))}}}}`);
}

type ReplyWriters = {
  readonly [K in Reply["kind"]]: (reply: Extract<Reply, { readonly kind: K }>) => string;
};

const empty = (): string => "{}";

const RESULT: ReplyWriters = {
  error: ({ error }) => JSON.stringify(error),
  connect: ({ result }) => connectResult(result),
  subscribe: ({ result }) => subscribeResult(result),
  unsubscribe: empty,
  publish: empty,
  ping: empty,
  presence: channelState,
  presence_stats: channelState,
  history: channelState,
  rpc: ({ data }) => object([["data", raw(data)]]),
  refresh: ({ result }) => JSON.stringify(result),
  sub_refresh: ({ result }) => JSON.stringify(result),
};

/** The one member of a reply beside its id. */
function member(reply: Reply): string {
  const result = RESULT[reply.kind] as (reply: Reply) => string;
  return `"${reply.kind}":${result(reply)}`;
}

function channelState(reply: Extract<Reply, { kind: "presence" | "presence_stats" | "history" }>): string {
  if (reply.kind === "presence_stats") return JSON.stringify({ num_clients: reply.clients, num_users: reply.users });
  if (reply.kind === "presence") {
    const shown = [...reply.presence].map(([client, info]) => `${JSON.stringify(client)}:${encodeClientInfo(info)}`);
    return `{"presence":{${shown.join(",")}}}`;
  }
  const { publications, epoch, offset } = reply.result;
  return `{"publications":${list(publications)},"epoch":${JSON.stringify(epoch)},"offset":${offset}}`;
}

function inboxMessage({ publication, epoch }: Extract<Push, { kind: "inbox" }>): string {
  return `{"pub":${publicationText(publication)},"belay":{"inbox":{"epoch":${JSON.stringify(epoch)}}}}`;
}

function pushText(push: Push): string {
  if (push.kind === "inbox") return inboxMessage(push);
  if (push.kind === "goaway" || push.kind === "goaway_cancel" || push.kind === "window") return extensionPush(push);
  return pushBody(push);
}

function pushBody(push: Exclude<Push, ExtensionPush | { kind: "inbox" }>): string {
  switch (push.kind) {
    case "publication":
      return `{"channel":${JSON.stringify(push.channel)},"pub":${publicationText(push.publication, push.isDeltaStream)}}`;
    case "join":
    case "leave":
      return `{"channel":${JSON.stringify(push.channel)},"${push.kind}":{"info":${encodeClientInfo(push.info)}}}`;
    case "unsubscribe":
      return JSON.stringify({ channel: push.channel, unsubscribe: { code: push.code, reason: push.reason } });
    case "subscribe":
      return `{"channel":${JSON.stringify(push.channel)},"subscribe":${subscribeResult(push.result)}}`;
    case "message":
      return `{"message":{"data":${utf8.decode(push.data)}}}`;
    case "connect":
      return `{"connect":${connectResult(push.result)}}`;
    case "disconnect":
      return JSON.stringify({ disconnect: { code: push.code, reason: push.reason, reconnect: push.reconnect } });
    case "refresh":
      return JSON.stringify({ refresh: { expires: push.expires, ttl: push.ttl } });
  }
}

function connectResult({ data, subs, belay, ...rest }: ConnectResult): string {
  const entries = [...(subs ?? [])].map(([channel, result]) => `${JSON.stringify(channel)}:${subscribeResult(result)}`);
  return object([
    ...plain(rest),
    ["data", raw(data)],
    ["subs", entries.length === 0 ? undefined : `{${entries.join(",")}}`],
    ["belay", grantedExtensions(belay)],
  ]);
}

function subscribeResult(result: SubscribeResult): string {
  const { data, publications, wasRecovering, delta, ...rest } = result;
  return object([
    ...plain(rest),
    ["was_recovering", wasRecovering === true ? "true" : undefined],
    ["delta", delta === true ? "true" : undefined],
    ["data", raw(data)],
    ["publications", publications === undefined ? undefined : list(publications, delta)],
  ]);
}

function list(publications: readonly Publication[], isDeltaStream?: boolean): string {
  return `[${publications.map((publication) => publicationText(publication, isDeltaStream)).join(",")}]`;
}

function publicationText(publication: Publication, isDeltaStream = false): string {
  const data = utf8.decode(publication.data);
  const info = publication.info === undefined ? undefined : encodeClientInfo(publication.info);
  return `{"data":${isDeltaStream ? JSON.stringify(data) : data}${publicationRest(publication, info)}}`;
}

function publicationRest({ offset, tags, delta, timeMs }: Omit<Publication, "data" | "info">, info?: string): string {
  const rest = members([
    ["info", info],
    ["offset", offset === undefined ? undefined : String(offset)],
    ["tags", tags === undefined ? undefined : JSON.stringify(Object.fromEntries(tags))],
    ["delta", delta === true ? "true" : undefined],
    ["time", timeMs === undefined ? undefined : String(timeMs)],
  ]);
  return rest === "" ? "" : `,${rest}`;
}

type Member = readonly [string, string | undefined];

function plain(fields: object): readonly Member[] {
  return Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]);
}

function raw(payload: Payload | undefined): string | undefined {
  return payload === undefined ? undefined : utf8.decode(payload);
}

function object(fields: readonly Member[]): string {
  return `{${members(fields)}}`;
}

function members(fields: readonly Member[]): string {
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`"${name}":${value}`])).join(",");
}
