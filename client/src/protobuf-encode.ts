import { ProtobufWriter } from "@belay/protocol/protobuf-wire";
import type {
  Command,
  ConnectCommand,
  HandoverRequest,
  HistoryCommand,
  Payload,
  PublishCommand,
  StreamPosition,
  SubscribeRequest,
  TagsFilter,
  WantedExtensions,
} from "./messages.ts";

/** Commands as Protobuf messages, each with its length before it. Field numbers are those of client.proto. */
export function encodeProtobufCommands(commands: readonly Command[]): Uint8Array {
  const messages = commands.map((command) => commandMessage(command).finishDelimited());
  const frame = new Uint8Array(messages.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const message of messages) {
    frame.set(message, at);
    at += message.length;
  }
  return frame;
}

type Called = Exclude<Command, { readonly kind: "pong" }>;

const FIELD_OF_COMMAND: Readonly<Record<Called["kind"], number>> = {
  connect: 4,
  subscribe: 5,
  unsubscribe: 6,
  publish: 7,
  presence: 8,
  presence_stats: 9,
  history: 10,
  ping: 11,
  send: 12,
  rpc: 13,
  refresh: 14,
  sub_refresh: 15,
};

/** Field number of `belay`, in every message that has it. */
const EXTENSIONS = 1000;

type Writers = {
  readonly [K in Called["kind"]]: (command: Extract<Called, { readonly kind: K }>) => ProtobufWriter;
};

const empty = (): ProtobufWriter => new ProtobufWriter();
const named = ({ channel }: { readonly channel: string }): ProtobufWriter => empty().string(1, channel);

const BODIES: Writers = {
  connect,
  subscribe: (command) => subscribe(command, command.channel),
  unsubscribe: named,
  publish,
  presence: named,
  presence_stats: named,
  history,
  ping: empty,
  send: ({ data }) => empty().bytes(1, bytesOf(data)),
  rpc: ({ data, method }) => empty().bytes(1, optionalBytes(data)).string(2, method),
  refresh: ({ token }) => empty().string(1, token),
  sub_refresh: ({ channel, token }) => empty().string(1, channel).string(2, token),
};

function commandMessage(command: Command): ProtobufWriter {
  if (command.kind === "pong") return empty();
  const body = BODIES[command.kind] as (command: Called) => ProtobufWriter;
  const id = "id" in command ? command.id : 0;
  return empty().uint(1, id).message(FIELD_OF_COMMAND[command.kind], body(command));
}

function connect({ token, data, name, version, headers, subs, belay }: ConnectCommand): ProtobufWriter {
  const writer = empty().string(1, token).bytes(2, optionalBytes(data));
  for (const [channel, request] of subs ?? []) writer.message(3, named({ channel }).message(2, subscribe(request)));
  writer.string(4, name).string(5, version);
  for (const [key, value] of Object.entries(headers ?? {})) writer.message(6, empty().string(1, key).string(2, value));
  return writer.message(EXTENSIONS, belay && wanted(belay));
}

function wanted({ inbox, handover, keys, window }: WantedExtensions): ProtobufWriter {
  return empty()
    .message(1, inbox && empty().string(1, inbox.group).string(2, inbox.epoch).uint(3, inbox.offset))
    .message(2, handover && handoverRequest(handover))
    .bool(3, keys)
    .bool(4, window);
}

function handoverRequest(request: HandoverRequest): ProtobufWriter {
  if (request.session === undefined) return empty();
  const writer = empty().string(1, request.session).string(2, request.secret);
  for (const [channel, place] of request.positions) writer.message(3, named({ channel }).message(2, position(place)));
  return writer;
}

function position({ offset, epoch }: StreamPosition): ProtobufWriter {
  return empty().uint(1, offset).string(2, epoch);
}

/** Without a channel where a map's key names it. */
function subscribe(request: SubscribeRequest, channel?: string): ProtobufWriter {
  return empty()
    .string(1, channel)
    .string(2, request.token)
    .bool(3, request.recover)
    .string(6, request.epoch)
    .uint(7, request.offset)
    .bytes(8, optionalBytes(request.data))
    .bool(9, request.positioned)
    .bool(10, request.recoverable)
    .bool(11, request.joinLeave)
    .string(12, request.delta)
    .message(13, request.tagsFilter && filter(request.tagsFilter));
}

function filter({ op, key, cmp, val, vals = [], nodes = [] }: TagsFilter): ProtobufWriter {
  const writer = empty().string(1, op).string(2, key).string(3, cmp).string(4, val).texts(5, vals);
  for (const node of nodes) writer.message(6, filter(node));
  return writer;
}

function publish({ channel, data, key }: PublishCommand): ProtobufWriter {
  const extensions = key === undefined ? undefined : empty().string(1, key);
  return empty().string(1, channel).bytes(2, bytesOf(data)).message(EXTENSIONS, extensions);
}

/** A negative limit is written in 32 bits, of which every reader takes the sign. */
function history({ channel, limit, since, reverse }: HistoryCommand): ProtobufWriter {
  return empty()
    .string(1, channel)
    .uint(7, limit >>> 0)
    .message(8, since && position(since))
    .bool(9, reverse);
}

function optionalBytes(data: Payload): Uint8Array | undefined {
  return data === undefined ? undefined : bytesOf(data);
}

/** Protobuf leaves empty bytes out, and a server misses them. */
function bytesOf(data: Payload): Uint8Array {
  if (data instanceof Uint8Array && data.length > 0) return data;
  throw new TypeError("data must be a Uint8Array with at least one byte");
}
