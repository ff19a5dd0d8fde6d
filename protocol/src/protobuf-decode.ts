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
  SubscribeRequest,
} from "./messages.ts";
import { ProtobufReader, type ReadField, WireProblem } from "./protobuf-wire.ts";

/** Field numbers are those of client.proto, the contract in words. */

/** Flag of a subscribe request: a recovery that cannot be made is an error. */
const FLAG_REJECT_UNRECOVERED = 2;
const NO_DATA: Payload = new Uint8Array(0);

/** Decodes one frame: commands, each with its length before it. Never throws; the first bad command refuses the whole frame. */
export function decodeProtobufFrame(frame: Uint8Array): DecodedFrame {
  try {
    return { ok: true, commands: readCommands(frame) };
  } catch (error) {
    if (error instanceof WireProblem) return { ok: false, refusal: { rule: error.rule, problem: error.message } };
    throw error;
  }
}

/** Undefined for a body that is no emulation request. */
export function decodeProtobufEmulation(body: Uint8Array): EmulationRequest | undefined {
  let node = "";
  let session = "";
  let data: Payload = NO_DATA;
  try {
    new ProtobufReader(body).message({
      1: (reader, type) => void (node = reader.string(type)),
      2: (reader, type) => void (session = reader.string(type)),
      3: (reader, type) => void (data = reader.bytes(type)),
    });
  } catch (error) {
    if (error instanceof WireProblem) return undefined;
    throw error;
  }
  return { node, session, data };
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

function readCommand(reader: ProtobufReader): Command {
  if (reader.isAtEnd) return { kind: "pong" };
  let id = 0;
  const bodies: { readonly read: ReadBody; readonly body: ProtobufReader }[] = [];
  const fields: Record<number, ReadField> = { 1: (at, type) => void (id = at.uint32(type)) };
  for (const [field, read] of METHODS) fields[field] = (at, type) => void bodies.push({ read, body: at.nested(type) });
  reader.message(fields);
  const [method, second] = bodies;
  if (method === undefined) throw new WireProblem("CMD1", "command must be known");
  if (second !== undefined) throw new WireProblem("CMD2", "a command must have one method");
  if (id === 0 && method.read !== readSend) throw new WireProblem("CMD3", "id must be an integer from 1 to 4294967295");
  return method.read(method.body, id);
}

const METHODS: readonly (readonly [field: number, read: ReadBody])[] = [
  [4, readConnect],
  [5, (reader, id): Command => readSubscribe(reader, id)],
  [6, (reader, id): Command => ({ kind: "unsubscribe", id, channel: readChannel(reader) })],
  [7, readPublish],
  [8, (reader, id): Command => ({ kind: "presence", id, channel: readChannel(reader) })],
  [9, (reader, id): Command => ({ kind: "presence_stats", id, channel: readChannel(reader) })],
  [10, readHistory],
  [11, (reader, id): Command => (reader.message({}), { kind: "ping", id })],
  [12, readSend],
  [13, readRpc],
  [14, readRefresh],
  [15, readSubRefresh],
];

/** Collects fields into an object whose members are absent until they come. */
type Draft<T> = { -readonly [K in keyof T]?: T[K] };

function readConnect(reader: ProtobufReader, id: number): ConnectCommand {
  const subs = new Map<string, SubscribeRequest>();
  const headers = new Map<string, string>();
  const draft: Draft<ConnectCommand> = {};
  reader.message({
    1: (at, type) => void (draft.token = at.string(type)),
    2: (at, type) => void (draft.data = at.bytes(type)),
    3: (at, type) => readEntry(at.nested(type), (value, key) => subs.set(key, readSubscribe(value, 0))),
    4: (at, type) => void (draft.name = at.string(type)),
    5: (at, type) => void (draft.version = at.string(type)),
    6: (at, type) => {
      let name = "";
      let value = "";
      at.nested(type).message({
        1: (entry, one) => void (name = entry.string(one)),
        2: (entry, one) => void (value = entry.string(one)),
      });
      headers.set(name, value);
    },
  });
  return {
    ...draft,
    kind: "connect",
    id,
    ...(subs.size > 0 && { subs }),
    ...(headers.size > 0 && { headers }),
  };
}

/** One entry of a map whose values are messages. */
function readEntry(reader: ProtobufReader, take: (value: ProtobufReader, key: string) => void): void {
  let key = "";
  let value = new ProtobufReader(NO_DATA);
  reader.message({
    1: (at, type) => void (key = at.string(type)),
    2: (at, type) => void (value = at.nested(type)),
  });
  take(value, key);
}

function readSubscribe(reader: ProtobufReader, id: number): Extract<Command, { kind: "subscribe" }> {
  const draft: Draft<SubscribeRequest> = {};
  let channel = "";
  reader.message({
    1: (at, type) => void (channel = at.string(type)),
    2: (at, type) => void (draft.token = at.string(type)),
    3: (at, type) => void (draft.recover = at.bool(type)),
    6: (at, type) => void (draft.epoch = at.string(type)),
    7: (at, type) => void (draft.offset = at.uint64(type)),
    8: (at, type) => void (draft.data = at.bytes(type)),
    9: (at, type) => void (draft.positioned = at.bool(type)),
    10: (at, type) => void (draft.recoverable = at.bool(type)),
    11: (at, type) => void (draft.joinLeave = at.bool(type)),
    12: (at, type) => void (draft.delta = at.string(type)),
    13: (at, type) => void (draft.tagsFilter = readFilter(at.nested(type), 2)),
    14: (at, type) => void (draft.rejectUnrecovered = (at.uint64(type) & FLAG_REJECT_UNRECOVERED) !== 0),
    15: (at, type) => void (draft.type = at.int32(type)),
  });
  return { ...draft, kind: "subscribe", id, channel };
}

function readFilter(reader: ProtobufReader, depth: number): FilterNode {
  if (depth > MAX_NESTING) throw new WireProblem("LIM4", `a command must have at most ${MAX_NESTING} levels`);
  const node = { op: "", key: "", cmp: "", val: "", vals: [] as string[], nodes: [] as FilterNode[] };
  reader.message({
    1: (at, type) => void (node.op = at.string(type)),
    2: (at, type) => void (node.key = at.string(type)),
    3: (at, type) => void (node.cmp = at.string(type)),
    4: (at, type) => void (node.val = at.string(type)),
    5: (at, type) => void node.vals.push(at.string(type)),
    6: (at, type) => void node.nodes.push(readFilter(at.nested(type), depth + 1)),
  });
  return node;
}

function readChannel(reader: ProtobufReader): string {
  let channel = "";
  reader.message({ 1: (at, type) => void (channel = at.string(type)) });
  return channel;
}

function readPublish(reader: ProtobufReader, id: number): Command {
  let channel = "";
  let data: Payload | undefined;
  reader.message({
    1: (at, type) => void (channel = at.string(type)),
    2: (at, type) => void (data = at.bytes(type)),
  });
  if (data === undefined) throw new WireProblem("CMD4", "data must be there");
  return { kind: "publish", id, channel, data };
}

function readHistory(reader: ProtobufReader, id: number): HistoryCommand {
  const draft = { channel: "", limit: 0, reverse: false };
  let since: StreamPosition | undefined;
  reader.message({
    1: (at, type) => void (draft.channel = at.string(type)),
    7: (at, type) => void (draft.limit = at.int32(type)),
    8: (at, type) => void (since = readPosition(at.nested(type))),
    9: (at, type) => void (draft.reverse = at.bool(type)),
  });
  return { kind: "history", id, ...draft, ...(since !== undefined && { since }) };
}

function readPosition(reader: ProtobufReader): StreamPosition {
  let offset = 0;
  let epoch = "";
  reader.message({
    1: (at, type) => void (offset = at.uint64(type)),
    2: (at, type) => void (epoch = at.string(type)),
  });
  return { offset, epoch };
}

function readSend(reader: ProtobufReader, id: number): Command {
  let data: Payload = NO_DATA;
  reader.message({ 1: (at, type) => void (data = at.bytes(type)) });
  return { kind: "send", id, data };
}

function readRpc(reader: ProtobufReader, id: number): Command {
  let method = "";
  let data: Payload | undefined;
  reader.message({
    1: (at, type) => void (data = at.bytes(type)),
    2: (at, type) => void (method = at.string(type)),
  });
  return { kind: "rpc", id, method, ...(data !== undefined && { data }) };
}

function readRefresh(reader: ProtobufReader, id: number): Command {
  let token = "";
  reader.message({ 1: (at, type) => void (token = at.string(type)) });
  return { kind: "refresh", id, token };
}

function readSubRefresh(reader: ProtobufReader, id: number): Command {
  let channel = "";
  let token = "";
  reader.message({
    1: (at, type) => void (channel = at.string(type)),
    2: (at, type) => void (token = at.string(type)),
  });
  return { kind: "sub_refresh", id, channel, token };
}
