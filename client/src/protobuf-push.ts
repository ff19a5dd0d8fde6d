import type { FieldTable, ProtobufReader } from "@belay/protocol/protobuf-wire";
import type { Goaway, Push, ReconnectWindow, RefreshResult, SubscribeResult, ClientInfo } from "./messages.ts";
import { type Draft, readInfo, readPublication, readWindow, refreshTable } from "./protobuf-fields.ts";

/** Pushes. Field numbers are those of client.proto. */

interface Ending {
  code: number;
  reason: string;
}

const UNSUBSCRIBE: FieldTable<Ending> = {
  2: (draft, reader, type) => void (draft.code = reader.uint32(type)),
  3: (draft, reader, type) => void (draft.reason = reader.string(type)),
};

const DISCONNECT: FieldTable<Ending> = {
  1: (draft, reader, type) => void (draft.code = reader.uint32(type)),
  2: (draft, reader, type) => void (draft.reason = reader.string(type)),
};

const REFRESH: FieldTable<Draft<RefreshResult>> = refreshTable(1, 2);

const EVENT: FieldTable<{ info?: ClientInfo }> = {
  1: (draft, reader, type) => void (draft.info = readInfo(reader.nested(type))),
};

const MESSAGE: FieldTable<{ data: Uint8Array }> = {
  1: (message, reader, type) => void (message.data = reader.bytes(type)),
};

/** What a push of an extension holds. */
interface ExtensionDraft {
  inboxEpoch?: string;
  goaway?: Goaway;
  isCancelled?: boolean;
  window?: ReconnectWindow;
}

const GOAWAY: FieldTable<Draft<Goaway>> = {
  1: (draft, reader, type) => void (draft.session = reader.string(type)),
  2: (draft, reader, type) => void (draft.secret = reader.string(type)),
  3: (draft, reader, type) => void (draft.windowMs = reader.uint64(type)),
  4: (draft, reader, type) => void (draft.deadlineMs = reader.uint64(type)),
};

const INBOX: FieldTable<{ epoch: string }> = {
  1: (draft, reader, type) => void (draft.epoch = reader.string(type)),
};

const EXTENSION: FieldTable<ExtensionDraft> = {
  1: (draft, reader, type) => void (draft.inboxEpoch = reader.nested(type).message({ epoch: "" }, INBOX).epoch),
  2: (draft, reader, type) => {
    const goaway = reader.nested(type).message<Draft<Goaway>>({}, GOAWAY);
    draft.goaway = { session: "", secret: "", windowMs: 0, deadlineMs: 0, ...goaway };
  },
  3: (draft, reader, type) => {
    reader.nested(type);
    draft.isCancelled = true;
  },
  4: (draft, reader, type) => void (draft.window = readWindow(reader.nested(type))),
};

type Untyped<T> = T extends unknown ? Omit<T, "type"> : never;
type PushBody = Untyped<Push>;
type ReadPush = (reader: ProtobufReader, channel: string) => PushBody;

function event(kind: "join" | "leave"): ReadPush {
  return (reader, channel) => {
    const { info } = reader.message<{ info?: ClientInfo }>({}, EVENT);
    return { kind, channel, info: info ?? { user: "", client: "" } };
  };
}

function ending(reader: ProtobufReader, table: FieldTable<Ending>): Ending {
  return reader.message({ code: 0, reason: "" }, table);
}

/** A subscribe push has the fields of a subscribe result, but the epoch and the offset elsewhere. */
type SubscribedDraft = Draft<SubscribeResult>;

const SUBSCRIBED: FieldTable<SubscribedDraft> = {
  1: (draft, reader, type) => void (draft.recoverable = reader.bool(type)),
  4: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  5: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  6: (draft, reader, type) => void (draft.positioned = reader.bool(type)),
  7: (draft, reader, type) => void (draft.data = reader.bytes(type)),
};

const PUSHES: ReadonlyMap<number, ReadPush> = new Map<number, ReadPush>([
  [4, (reader, channel) => ({ kind: "publication", channel, publication: readPublication(reader) })],
  [5, event("join")],
  [6, event("leave")],
  [7, (reader, channel) => ({ kind: "unsubscribe", channel, ...ending(reader, UNSUBSCRIBE) })],
  [8, (reader) => ({ kind: "message", ...reader.message({ data: new Uint8Array(0) }, MESSAGE) })],
  [9, (reader, channel) => ({ kind: "subscribe", channel, result: reader.message<SubscribedDraft>({}, SUBSCRIBED) })],
  [11, (reader) => ({ kind: "disconnect", ...ending(reader, DISCONNECT) })],
  [12, (reader) => ({ kind: "refresh", ...reader.message<Draft<RefreshResult>>({}, REFRESH) })],
]);

interface PushDraft {
  channel: string;
  read?: ReadPush;
  body?: ProtobufReader;
  extension?: ExtensionDraft;
}

const PUSH: FieldTable<PushDraft> = {
  2: (draft, reader, type) => void (draft.channel = reader.string(type)),
  1000: (draft, reader, type) => void (draft.extension = reader.nested(type).message<ExtensionDraft>({}, EXTENSION)),
  ...Object.fromEntries(
    [...PUSHES].map(([field, read]) => [
      field,
      (draft: PushDraft, reader: ProtobufReader, type: number): void => {
        draft.read = read;
        draft.body = reader.nested(type);
      },
    ]),
  ),
};

/** Undefined for a push of a kind that is not known. */
export function readPush(reader: ProtobufReader): Push | undefined {
  const { channel, read, body, extension } = reader.message<PushDraft>({ channel: "" }, PUSH);
  const pushed = (extension && extensionPush(extension, body)) ?? (read && body && read(body, channel));
  return pushed && { type: "push", ...pushed };
}

function extensionPush(
  { inboxEpoch, goaway, isCancelled, window }: ExtensionDraft,
  body: ProtobufReader | undefined,
): PushBody | undefined {
  if (inboxEpoch !== undefined && body) return { kind: "inbox", epoch: inboxEpoch, publication: readPublication(body) };
  if (goaway) return { kind: "goaway", goaway };
  if (isCancelled) return { kind: "goaway_cancel" };
  return window && { kind: "window", window };
}
