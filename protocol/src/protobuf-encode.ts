import type {
  ClientInfo,
  ConnectResult,
  ErrorReply,
  ExtensionPush,
  HistoryResult,
  Publication,
  Push,
  Reply,
  SubscribeResult,
} from "./messages.ts";
import { EXTENSIONS_FIELD, writeExtensionPush, writeGrantedExtensions } from "./protobuf-extensions.ts";
import { ProtobufWriter } from "./protobuf-wire.ts";

/** Replies and pushes as Protobuf messages, each with its length before it. Field numbers are those of client.proto. */

const FIELD_OF_REPLY: Readonly<Record<Reply["kind"], number>> = {
  error: 2,
  connect: 5,
  subscribe: 6,
  unsubscribe: 7,
  publish: 8,
  presence: 9,
  presence_stats: 10,
  history: 11,
  ping: 12,
  rpc: 13,
  refresh: 14,
  sub_refresh: 15,
};

/** Extensions that stand alone have a field in `belay` only. */
type ContractPush = Exclude<Push, ExtensionPush>;

const FIELD_OF_PUSH: Readonly<Record<ContractPush["kind"], number>> = {
  publication: 4,
  inbox: 4,
  join: 5,
  leave: 6,
  unsubscribe: 7,
  message: 8,
  subscribe: 9,
  connect: 10,
  disconnect: 11,
  refresh: 12,
};

export function encodeProtobufReply(reply: Reply): Uint8Array {
  return new ProtobufWriter().uint(1, reply.id).message(FIELD_OF_REPLY[reply.kind], replyBody(reply)).finishDelimited();
}

export function encodeProtobufPush(push: Push): Uint8Array {
  return new ProtobufWriter().message(4, pushMessage(push)).finishDelimited();
}

function pushMessage(push: Push): ProtobufWriter {
  if (push.kind === "goaway" || push.kind === "goaway_cancel" || push.kind === "window") {
    return empty().message(EXTENSIONS_FIELD, writeExtensionPush(push));
  }
  if (push.kind === "inbox") {
    return empty()
      .message(FIELD_OF_PUSH.inbox, publication(push.publication))
      .message(EXTENSIONS_FIELD, empty().message(1, empty().string(1, push.epoch)));
  }
  return empty()
    .string(2, "channel" in push ? push.channel : undefined)
    .message(FIELD_OF_PUSH[push.kind], pushBody(push));
}

type ReplyWriters = {
  readonly [K in Reply["kind"]]: (reply: Extract<Reply, { readonly kind: K }>) => ProtobufWriter;
};

const empty = (): ProtobufWriter => new ProtobufWriter();

const WRITE_REPLY: ReplyWriters = {
  error: ({ error }) => errorBody(error),
  connect: ({ result }) => connectResult(result),
  subscribe: ({ result }) => subscribeResult(result),
  unsubscribe: empty,
  publish: empty,
  ping: empty,
  presence: ({ presence }) => entries(empty(), { field: 1, map: presence, write: clientInfo }),
  presence_stats: ({ clients, users }) => empty().uint(1, clients).uint(2, users),
  history: ({ result }) => historyResult(result),
  rpc: ({ data }) => empty().bytes(1, data),
  refresh: ({ result: { client, version, expires, ttl } }) =>
    empty().string(1, client).string(2, version).bool(3, expires).uint(4, ttl),
  sub_refresh: ({ result: { expires, ttl } }) => empty().bool(1, expires).uint(2, ttl),
};

function replyBody(reply: Reply): ProtobufWriter {
  const write = WRITE_REPLY[reply.kind] as (reply: Reply) => ProtobufWriter;
  return write(reply);
}

function historyResult({ publications, epoch, offset }: HistoryResult): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const one of publications) writer.message(1, publication(one));
  return writer.string(2, epoch).uint(3, offset);
}

function pushBody(push: Exclude<ContractPush, { kind: "inbox" }>): ProtobufWriter {
  const writer = new ProtobufWriter();
  switch (push.kind) {
    case "publication":
      return publication(push.publication);
    case "join":
    case "leave":
      return writer.message(1, clientInfo(push.info));
    case "unsubscribe":
      return writer.uint(2, push.code).string(3, push.reason);
    case "message":
      return writer.bytes(1, push.data);
    case "subscribe":
      return subscribePush(push.result);
    case "connect":
      return connectPush(push.result);
    case "disconnect":
      return writer.uint(1, push.code).string(2, push.reason).bool(3, push.reconnect);
    case "refresh":
      return writer.bool(1, push.expires).uint(2, push.ttl);
  }
}

function errorBody({ code, message, temporary }: ErrorReply): ProtobufWriter {
  return new ProtobufWriter().uint(1, code).string(2, message).bool(3, temporary);
}

function connectResult(result: ConnectResult): ProtobufWriter {
  const writer = new ProtobufWriter()
    .string(1, result.client)
    .string(2, result.version)
    .bool(3, result.expires)
    .uint(4, result.ttl)
    .bytes(5, result.data);
  entries(writer, { field: 6, map: result.subs, write: subscribeResult });
  return writer
    .uint(7, result.ping)
    .bool(8, result.pong)
    .string(9, result.session)
    .string(10, result.node)
    .message(EXTENSIONS_FIELD, writeGrantedExtensions(result.belay));
}

/** The push has the same content under other numbers. */
function connectPush(result: ConnectResult): ProtobufWriter {
  const writer = new ProtobufWriter().string(1, result.client).string(2, result.version).bytes(3, result.data);
  entries(writer, { field: 4, map: result.subs, write: subscribeResult });
  return writer
    .bool(5, result.expires)
    .uint(6, result.ttl)
    .uint(7, result.ping)
    .bool(8, result.pong)
    .string(9, result.session)
    .string(10, result.node)
    .message(EXTENSIONS_FIELD, writeGrantedExtensions(result.belay));
}

function subscribeResult(result: SubscribeResult): ProtobufWriter {
  const writer = new ProtobufWriter()
    .bool(1, result.expires)
    .uint(2, result.ttl)
    .bool(3, result.recoverable)
    .string(6, result.epoch);
  for (const one of result.publications ?? []) writer.message(7, publication(one));
  return writer
    .bool(8, result.recovered)
    .uint(9, result.offset)
    .bool(10, result.positioned)
    .bytes(11, result.data)
    .bool(12, result.wasRecovering)
    .bool(13, result.delta);
}

function subscribePush(result: SubscribeResult): ProtobufWriter {
  return new ProtobufWriter()
    .bool(1, result.recoverable)
    .string(4, result.epoch)
    .uint(5, result.offset)
    .bool(6, result.positioned)
    .bytes(7, result.data);
}

function publication({ data, info, offset, tags, delta, timeMs }: Publication): ProtobufWriter {
  const writer = new ProtobufWriter()
    .bytes(4, data)
    .message(5, info === undefined ? undefined : clientInfo(info))
    .uint(6, offset);
  for (const [key, value] of tags ?? []) writer.message(7, new ProtobufWriter().string(1, key).string(2, value));
  return writer.bool(8, delta).uint(9, timeMs);
}

function clientInfo({ user, client, connInfo, chanInfo }: ClientInfo): ProtobufWriter {
  return new ProtobufWriter().string(1, user).string(2, client).bytes(3, connInfo).bytes(4, chanInfo);
}

interface Entries<T> {
  readonly field: number;
  readonly map: ReadonlyMap<string, T> | undefined;
  readonly write: (value: T) => ProtobufWriter;
}

/** A map field: one message with key and value for each entry. */
function entries<T>(writer: ProtobufWriter, { field, map, write }: Entries<T>): ProtobufWriter {
  for (const [key, value] of map ?? []) {
    writer.message(field, new ProtobufWriter().string(1, key).message(2, write(value)));
  }
  return writer;
}
