import { type FieldTable, ProtobufReader, WireProblem } from "@belay/protocol/protobuf-wire";
import type { DecodedFrame } from "./codec.ts";
import type {
  ClientInfo,
  ConnectResult,
  ErrorReply,
  GrantedExtensions,
  HandoverGrant,
  HistoryResult,
  InboxResult,
  RefreshResult,
  Reply,
  ServerMessage,
  StreamPosition,
  SubscribeResult,
  WirePublication,
} from "./messages.ts";
import {
  type Draft,
  readEntry,
  readInfo,
  readPosition,
  readPublication,
  readSubscribeResult,
  readWindow,
  refreshTable,
} from "./protobuf-fields.ts";
import { readPush } from "./protobuf-push.ts";

/** Replies. Field numbers are those of client.proto. */

/** Decodes one frame: messages, each with its length before it. Never throws. */
export function decodeProtobufFrame(frame: Uint8Array): DecodedFrame {
  try {
    const reader = new ProtobufReader(frame);
    const messages: ServerMessage[] = [];
    while (!reader.isAtEnd) {
      // A message in a frame is written like a field's value, without the tag.
      const message = readMessage(reader.nested(2));
      if (message !== undefined) messages.push(message);
    }
    return { ok: true, messages };
  } catch (error) {
    if (error instanceof WireProblem) return { ok: false, problem: error.message };
    throw error;
  }
}

type Untyped<T> = T extends unknown ? Omit<T, "type" | "id"> : never;
type ReadReply = (reader: ProtobufReader) => Untyped<Reply>;

function bare(kind: "unsubscribe" | "publish" | "ping"): ReadReply {
  return () => ({ kind });
}

const REPLIES: ReadonlyMap<number, ReadReply> = new Map<number, ReadReply>([
  [2, (reader) => ({ kind: "error", error: readError(reader) })],
  [5, (reader) => ({ kind: "connect", result: readConnect(reader) })],
  [6, (reader) => ({ kind: "subscribe", result: readSubscribeResult(reader) })],
  [7, bare("unsubscribe")],
  [8, bare("publish")],
  [9, (reader) => ({ kind: "presence", presence: reader.message(new Map(), PRESENCE) })],
  [10, (reader) => ({ kind: "presence_stats", ...reader.message({ clients: 0, users: 0 }, STATS) })],
  [11, (reader) => ({ kind: "history", result: readHistory(reader) })],
  [12, bare("ping")],
  [13, (reader) => ({ kind: "rpc", ...reader.message({}, RPC) })],
  [14, (reader) => ({ kind: "refresh", result: reader.message({}, REFRESH) })],
  [15, (reader) => ({ kind: "sub_refresh", result: reader.message({}, SUB_REFRESH) })],
]);

interface MessageDraft {
  id: number;
  read?: ReadReply;
  body?: ProtobufReader;
  pushed?: ProtobufReader;
}

const MESSAGE: FieldTable<MessageDraft> = {
  1: (draft, reader, type) => void (draft.id = reader.uint32(type)),
  4: (draft, reader, type) => void (draft.pushed = reader.nested(type)),
  ...Object.fromEntries(
    [...REPLIES].map(([field, read]) => [
      field,
      (draft: MessageDraft, reader: ProtobufReader, type: number): void => {
        draft.read = read;
        draft.body = reader.nested(type);
      },
    ]),
  ),
};

function readMessage(reader: ProtobufReader): ServerMessage | undefined {
  if (reader.isAtEnd) return { type: "ping" };
  const { id, read, body, pushed } = reader.message<MessageDraft>({ id: 0 }, MESSAGE);
  if (pushed !== undefined) return readPush(pushed);
  return read && body && id > 0 ? { type: "reply", id, ...read(body) } : undefined;
}

const ERROR: FieldTable<Draft<ErrorReply>> = {
  1: (draft, reader, type) => void (draft.code = reader.uint32(type)),
  2: (draft, reader, type) => void (draft.message = reader.string(type)),
  3: (draft, reader, type) => void (draft.temporary = reader.bool(type)),
};

function readError(reader: ProtobufReader): ErrorReply {
  return { code: 0, message: "", ...reader.message<Draft<ErrorReply>>({}, ERROR) };
}

interface ConnectDraft extends Omit<Draft<ConnectResult>, "subs"> {
  readonly subs: Map<string, SubscribeResult>;
}

const CONNECT: FieldTable<ConnectDraft> = {
  1: (draft, reader, type) => void (draft.client = reader.string(type)),
  2: (draft, reader, type) => void (draft.version = reader.string(type)),
  3: (draft, reader, type) => void (draft.expires = reader.bool(type)),
  4: (draft, reader, type) => void (draft.ttl = reader.uint32(type)),
  5: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  6: ({ subs }, reader, type) => readEntry(subs, reader.nested(type), readSubscribeResult),
  7: (draft, reader, type) => void (draft.ping = reader.uint32(type)),
  8: (draft, reader, type) => void (draft.pong = reader.bool(type)),
  9: (draft, reader, type) => void (draft.session = reader.string(type)),
  10: (draft, reader, type) => void (draft.node = reader.string(type)),
  1000: (draft, reader, type) => void (draft.belay = reader.nested(type).message({}, GRANTED)),
};

function readConnect(reader: ProtobufReader): ConnectResult {
  const { subs, ...draft } = reader.message<ConnectDraft>({ subs: new Map() }, CONNECT);
  return { client: "", version: "", ...draft, ...(subs.size > 0 && { subs }) };
}

const GRANTED: FieldTable<Draft<GrantedExtensions>> = {
  1: (draft, reader, type) => {
    const inbox = reader.nested(type).message<Draft<InboxResult>>({}, INBOX);
    draft.inbox = { group: "", epoch: "", offset: 0, ...inbox };
  },
  2: (draft, reader, type) => {
    const handover = reader.nested(type).message<Draft<HandoverGrant>>({}, HANDOVER);
    draft.handover = { session: "", secret: "", resumeMs: 0, ...handover };
  },
  3: (draft, reader, type) => void (draft.keys = reader.bool(type)),
  4: (draft, reader, type) => void (draft.window = readWindow(reader.nested(type))),
};

const INBOX: FieldTable<Draft<InboxResult>> = {
  1: (draft, reader, type) => void (draft.group = reader.string(type)),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  3: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  4: (draft, reader, type) => void (draft.lost = reader.bool(type)),
};

const HANDOVER: FieldTable<Draft<HandoverGrant>> = {
  1: (draft, reader, type) => void (draft.session = reader.string(type)),
  2: (draft, reader, type) => void (draft.secret = reader.string(type)),
  3: (draft, reader, type) => void (draft.resumeMs = reader.uint64(type)),
  4: (draft, reader, type) => void (draft.moved = reader.nested(type).message(new Map(), MOVED)),
};

const MOVED: FieldTable<Map<string, StreamPosition>> = {
  1: (moved, reader, type) => readEntry(moved, reader.nested(type), readPosition),
};

const PRESENCE: FieldTable<Map<string, ClientInfo>> = {
  1: (presence, reader, type) => readEntry(presence, reader.nested(type), readInfo),
};

const STATS: FieldTable<{ clients: number; users: number }> = {
  1: (stats, reader, type) => void (stats.clients = reader.uint32(type)),
  2: (stats, reader, type) => void (stats.users = reader.uint32(type)),
};

interface HistoryDraft {
  readonly publications: WirePublication[];
  epoch: string;
  offset: number;
}

const HISTORY: FieldTable<HistoryDraft> = {
  1: ({ publications }, reader, type) => void publications.push(readPublication(reader.nested(type))),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  3: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
};

function readHistory(reader: ProtobufReader): HistoryResult {
  return reader.message<HistoryDraft>({ publications: [], epoch: "", offset: 0 }, HISTORY);
}

const RPC: FieldTable<{ data?: Uint8Array }> = {
  1: (draft, reader, type) => void (draft.data = reader.bytes(type)),
};

const REFRESH: FieldTable<Draft<RefreshResult>> = refreshTable(3, 4);
const SUB_REFRESH: FieldTable<Draft<RefreshResult>> = refreshTable(1, 2);
