import { MAX_COMMANDS_PER_FRAME, MAX_NESTING } from "./limits.ts";
import type {
  Command,
  ConnectCommand,
  DecodedFrame,
  EmulationRequest,
  FilterNode,
  HistoryCommand,
  Payload,
  StreamPosition,
  SubscribeCommand,
  SubscribeRequest,
} from "./messages.ts";
import { EXTENSIONS_FIELD, readConnectExtensions, readPublishKey } from "./protobuf-extensions.ts";
import { type FieldTable, ProtobufReader, WireProblem } from "./protobuf-wire.ts";

/** Field numbers are those of client.proto, the contract in words. */

/** Flag of a subscribe request: a recovery that cannot be made is an error. */
const FLAG_REJECT_UNRECOVERED = 2;
const NO_DATA: Payload = new Uint8Array(0);

/** Collects fields into an object whose members are absent until they come. */
type Draft<T> = { -readonly [K in keyof T]?: T[K] };

/** Decodes one frame: commands, each with its length before it. Never throws; the first bad command refuses the whole frame. */
export function decodeProtobufFrame(frame: Uint8Array): DecodedFrame {
  try {
    return { ok: true, commands: readCommands(frame) };
  } catch (error) {
    if (error instanceof WireProblem) return { ok: false, refusal: { rule: error.rule, problem: error.message } };
    throw error;
  }
}

const EMULATION: FieldTable<Draft<EmulationRequest>> = {
  1: (draft, reader, type) => void (draft.node = reader.string(type)),
  2: (draft, reader, type) => void (draft.session = reader.string(type)),
  3: (draft, reader, type) => void (draft.data = reader.bytes(type)),
};

/** Undefined for a body that is no emulation request. */
export function decodeProtobufEmulation(body: Uint8Array): EmulationRequest | undefined {
  try {
    const draft: Draft<EmulationRequest> = {};
    const { node = "", session = "", data = NO_DATA } = new ProtobufReader(body).message(draft, EMULATION);
    return { node, session, data };
  } catch (error) {
    if (error instanceof WireProblem) return undefined;
    throw error;
  }
}

function readCommands(frame: Uint8Array): readonly Command[] {
  const reader = new ProtobufReader(frame);
  const commands: Command[] = [];
  while (!reader.isAtEnd) {
    if (commands.length === MAX_COMMANDS_PER_FRAME) {
      throw new WireProblem("LIM3", `a frame must have at most ${MAX_COMMANDS_PER_FRAME} commands`);
    }
    // A message in a frame is written like a field's value, without the tag.
    commands.push(readCommand(reader.nested(2)));
  }
  if (commands.length === 0) throw new WireProblem("FRM3", "a frame must have a command");
  return commands;
}

type ReadBody = (reader: ProtobufReader, id: number) => Command;

const METHODS: readonly (readonly [field: number, read: ReadBody])[] = [
  [4, readConnect],
  [5, readSubscribe],
  [6, (reader, id): Command => ({ kind: "unsubscribe", id, channel: readChannel(reader) })],
  [7, readPublish],
  [8, (reader, id): Command => ({ kind: "presence", id, channel: readChannel(reader) })],
  [9, (reader, id): Command => ({ kind: "presence_stats", id, channel: readChannel(reader) })],
  [10, readHistory],
  [11, (reader, id): Command => (reader.message(undefined, {}), { kind: "ping", id })],
  [12, readSend],
  [13, readRpc],
  [14, readRefresh],
  [15, readSubRefresh],
];

interface CommandDraft {
  id: number;
  read: ReadBody | undefined;
  body: ProtobufReader | undefined;
}

const COMMAND: FieldTable<CommandDraft> = {
  1: (draft, reader, type) => void (draft.id = reader.uint32(type)),
  ...Object.fromEntries(
    METHODS.map(([field, read]) => [
      field,
      (draft: CommandDraft, reader: ProtobufReader, type: number): void => {
        if (draft.body !== undefined) throw new WireProblem("CMD2", "a command must have one method");
        draft.read = read;
        draft.body = reader.nested(type);
      },
    ]),
  ),
};

function readCommand(reader: ProtobufReader): Command {
  if (reader.isAtEnd) return { kind: "pong" };
  const { id, read, body } = reader.message<CommandDraft>({ id: 0, read: undefined, body: undefined }, COMMAND);
  if (read === undefined || body === undefined) throw new WireProblem("CMD1", "command must be known");
  if (id === 0 && read !== readSend) throw new WireProblem("CMD3", "id must be an integer from 1 to 4294967295");
  return read(body, id);
}

interface ConnectDraft extends Draft<ConnectCommand> {
  readonly subs: Map<string, SubscribeRequest>;
  readonly headers: Map<string, string>;
}

const CONNECT: FieldTable<ConnectDraft> = {
  1: (draft, reader, type) => void (draft.token = reader.string(type)),
  2: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  3: ({ subs }, reader, type) => {
    const { key, value } = reader.nested(type).message({ key: "", value: undefined }, MESSAGE_ENTRY);
    subs.set(key, readSubscribe(value ?? new ProtobufReader(NO_DATA), 0));
  },
  4: (draft, reader, type) => void (draft.name = reader.string(type)),
  5: (draft, reader, type) => void (draft.version = reader.string(type)),
  6: ({ headers }, reader, type) => {
    const { key, value } = reader.nested(type).message({ key: "", value: "" }, TEXT_ENTRY);
    headers.set(key, value);
  },
  [EXTENSIONS_FIELD]: (draft, reader, type) => {
    const asked = readConnectExtensions(reader.nested(type));
    if (asked !== undefined) draft.belay = asked;
  },
};

/** One entry of a map whose values are messages. */
const MESSAGE_ENTRY: FieldTable<{ key: string; value: ProtobufReader | undefined }> = {
  1: (entry, reader, type) => void (entry.key = reader.string(type)),
  2: (entry, reader, type) => void (entry.value = reader.nested(type)),
};

const TEXT_ENTRY: FieldTable<{ key: string; value: string }> = {
  1: (entry, reader, type) => void (entry.key = reader.string(type)),
  2: (entry, reader, type) => void (entry.value = reader.string(type)),
};

function readConnect(reader: ProtobufReader, id: number): ConnectCommand {
  const { subs, headers, ...draft } = reader.message<ConnectDraft>({ subs: new Map(), headers: new Map() }, CONNECT);
  return { ...draft, kind: "connect", id, ...(subs.size > 0 && { subs }), ...(headers.size > 0 && { headers }) };
}

const SUBSCRIBE: FieldTable<Draft<SubscribeCommand>> = {
  1: (draft, reader, type) => void (draft.channel = reader.string(type)),
  2: (draft, reader, type) => void (draft.token = reader.string(type)),
  3: (draft, reader, type) => void (draft.recover = reader.bool(type)),
  6: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  7: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  8: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  9: (draft, reader, type) => void (draft.positioned = reader.bool(type)),
  10: (draft, reader, type) => void (draft.recoverable = reader.bool(type)),
  11: (draft, reader, type) => void (draft.joinLeave = reader.bool(type)),
  12: (draft, reader, type) => void (draft.delta = reader.string(type)),
  13: (draft, reader, type) => void (draft.tagsFilter = readFilter(reader.nested(type), 2)),
  14: (draft, reader, type) => void (draft.rejectUnrecovered = (reader.uint64(type) & FLAG_REJECT_UNRECOVERED) !== 0),
  15: (draft, reader, type) => void (draft.type = reader.int32(type)),
};

function readSubscribe(reader: ProtobufReader, id: number): SubscribeCommand {
  const { channel = "", ...draft } = reader.message<Draft<SubscribeCommand>>({}, SUBSCRIBE);
  return { ...draft, kind: "subscribe", id, channel };
}

interface FilterDraft {
  readonly depth: number;
  readonly node: Omit<Required<Draft<FilterNode>>, "vals" | "nodes"> & { vals: string[]; nodes: FilterNode[] };
}

const FILTER: FieldTable<FilterDraft> = {
  1: ({ node }, reader, type) => void (node.op = reader.string(type)),
  2: ({ node }, reader, type) => void (node.key = reader.string(type)),
  3: ({ node }, reader, type) => void (node.cmp = reader.string(type)),
  4: ({ node }, reader, type) => void (node.val = reader.string(type)),
  5: ({ node }, reader, type) => void node.vals.push(reader.string(type)),
  6: ({ node, depth }, reader, type) => void node.nodes.push(readFilter(reader.nested(type), depth + 1)),
};

function readFilter(reader: ProtobufReader, depth: number): FilterNode {
  if (depth > MAX_NESTING) throw new WireProblem("LIM4", `a command must have at most ${MAX_NESTING} levels`);
  const node = { op: "", key: "", cmp: "", val: "", vals: [], nodes: [] };
  return reader.message<FilterDraft>({ depth, node }, FILTER).node;
}

interface ChannelDraft {
  channel: string;
}

const CHANNEL: FieldTable<ChannelDraft> = { 1: (draft, reader, type) => void (draft.channel = reader.string(type)) };

function readChannel(reader: ProtobufReader): string {
  return reader.message({ channel: "" }, CHANNEL).channel;
}

interface PublishDraft extends ChannelDraft {
  data: Payload | undefined;
  type: number;
  key?: string | undefined;
}

const PUBLISH: FieldTable<PublishDraft> = {
  1: (draft, reader, type) => void (draft.channel = reader.string(type)),
  2: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  3: (draft, reader, type) => void (draft.type = reader.int32(type)),
  [EXTENSIONS_FIELD]: (draft, reader, type) => void (draft.key = readPublishKey(reader.nested(type))),
};

function readPublish(reader: ProtobufReader, id: number): Command {
  const draft: PublishDraft = { channel: "", data: undefined, type: 0 };
  const { channel, data, type, key } = reader.message(draft, PUBLISH);
  // Other kinds may come without data, and are refused as a whole (CMD8).
  if (type !== 0) return { kind: "publish", id, channel, data: data ?? NO_DATA, type };
  if (data === undefined) throw new WireProblem("CMD4", "data must be there");
  return { kind: "publish", id, channel, data, ...(key !== undefined && { key }) };
}

interface HistoryDraft extends ChannelDraft {
  limit: number;
  reverse: boolean;
  since?: StreamPosition;
}

const HISTORY: FieldTable<HistoryDraft> = {
  1: (draft, reader, type) => void (draft.channel = reader.string(type)),
  7: (draft, reader, type) => void (draft.limit = reader.int32(type)),
  8: (draft, reader, type) => void (draft.since = reader.nested(type).message({ offset: 0, epoch: "" }, POSITION)),
  9: (draft, reader, type) => void (draft.reverse = reader.bool(type)),
};

const POSITION: FieldTable<{ offset: number; epoch: string }> = {
  1: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
};

function readHistory(reader: ProtobufReader, id: number): HistoryCommand {
  return { kind: "history", id, ...reader.message<HistoryDraft>({ channel: "", limit: 0, reverse: false }, HISTORY) };
}

interface CallDraft {
  data?: Payload;
  method: string;
}

const SEND: FieldTable<CallDraft> = { 1: (draft, reader, type) => void (draft.data = reader.bytes(type)) };

const RPC: FieldTable<CallDraft> = {
  ...SEND,
  2: (draft, reader, type) => void (draft.method = reader.string(type)),
};

function readSend(reader: ProtobufReader, id: number): Command {
  const { data = NO_DATA } = reader.message<CallDraft>({ method: "" }, SEND);
  return { kind: "send", id, data };
}

function readRpc(reader: ProtobufReader, id: number): Command {
  return { kind: "rpc", id, ...reader.message<CallDraft>({ method: "" }, RPC) };
}

interface RefreshDraft extends ChannelDraft {
  token: string;
  type: number;
}

const REFRESH: FieldTable<RefreshDraft> = { 1: (draft, reader, type) => void (draft.token = reader.string(type)) };

const SUB_REFRESH: FieldTable<RefreshDraft> = {
  1: (draft, reader, type) => void (draft.channel = reader.string(type)),
  2: (draft, reader, type) => void (draft.token = reader.string(type)),
  3: (draft, reader, type) => void (draft.type = reader.int32(type)),
};

function readRefresh(reader: ProtobufReader, id: number): Command {
  return { kind: "refresh", id, token: reader.message({ channel: "", token: "", type: 0 }, REFRESH).token };
}

function readSubRefresh(reader: ProtobufReader, id: number): Command {
  const { type, ...draft } = reader.message<RefreshDraft>({ channel: "", token: "", type: 0 }, SUB_REFRESH);
  return { kind: "sub_refresh", id, ...draft, ...(type !== 0 && { type }) };
}
