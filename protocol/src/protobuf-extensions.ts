/** The field `belay`, number 1000, in Protobuf. Field numbers are those of client.proto. */
import type {
  ConnectExtensions,
  ContinuedSession,
  ExtensionPush,
  GrantedExtensions,
  HandoverResult,
  InboxRequest,
  InboxResult,
} from "./extensions.ts";
import { CONTINUATION_RULE, MAX_POSITIONS, MAX_SESSION_LENGTH } from "./limits.ts";
import { type FieldTable, type ProtobufReader, ProtobufWriter, WireProblem } from "./protobuf-wire.ts";
import type { StreamPosition } from "./stream-position.ts";

/** Field number of `belay`, in every message that has it. */
export const EXTENSIONS_FIELD = 1000;

/** Collects fields into an object whose members are absent until they come. */
type Draft<T> = { -readonly [K in keyof T]?: T[K] };
type Whole<T> = Required<Draft<T>>;

const ASKED: FieldTable<Draft<ConnectExtensions>> = {
  1: (draft, reader, type) =>
    void (draft.inbox = reader.nested(type).message<Whole<InboxRequest>>({ group: "", epoch: "", offset: 0 }, INBOX)),
  2: (draft, reader, type) => {
    const continued = readContinued(reader.nested(type));
    draft.handover = continued.session === "" && continued.secret === "" ? {} : { continued };
  },
  3: (draft, reader, type) => void (draft.keys = reader.bool(type)),
  4: (draft, reader, type) => void (draft.window = reader.bool(type)),
};

const INBOX: FieldTable<Whole<InboxRequest>> = {
  1: (draft, reader, type) => void (draft.group = reader.string(type)),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  3: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
};

type ContinuedDraft = Whole<ContinuedSession> & { readonly positions: Map<string, StreamPosition> };

const CONTINUED: FieldTable<ContinuedDraft> = {
  1: (draft, reader, type) => void (draft.session = bounded(reader.string(type))),
  2: (draft, reader, type) => void (draft.secret = bounded(reader.string(type))),
  3: ({ positions }, reader, type) => {
    const { key, value } = reader.nested(type).message({ key: "", value: { epoch: "", offset: 0 } }, PLACE_ENTRY);
    positions.set(key, value);
    if (positions.size > MAX_POSITIONS) throw new WireProblem("CMD4", `handover must be ${CONTINUATION_RULE}`);
  },
};

const PLACE_ENTRY: FieldTable<{ key: string; value: StreamPosition }> = {
  1: (entry, reader, type) => void (entry.key = reader.string(type)),
  2: (entry, reader, type) => void (entry.value = reader.nested(type).message({ epoch: "", offset: 0 }, PLACE)),
};

const PLACE: FieldTable<Whole<StreamPosition>> = {
  1: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
};

function readContinued(reader: ProtobufReader): ContinuedSession {
  return reader.message<ContinuedDraft>({ session: "", secret: "", positions: new Map() }, CONTINUED);
}

function bounded(text: string): string {
  if (text.length > MAX_SESSION_LENGTH) throw new WireProblem("CMD4", `handover must be ${CONTINUATION_RULE}`);
  return text;
}

/** Undefined where nothing is asked for. */
export function readConnectExtensions(reader: ProtobufReader): ConnectExtensions | undefined {
  const { keys = false, window = false, ...rest } = reader.message<Draft<ConnectExtensions>>({}, ASKED);
  const asked = { ...rest, ...(keys && { keys }), ...(window && { window }) };
  return Object.keys(asked).length === 0 ? undefined : asked;
}

const KEY: FieldTable<{ key: string }> = { 1: (draft, reader, type) => void (draft.key = reader.string(type)) };

/** Undefined where the publication carries no key. */
export function readPublishKey(reader: ProtobufReader): string | undefined {
  const { key } = reader.message({ key: "" }, KEY);
  return key === "" ? undefined : key;
}

const message = (): ProtobufWriter => new ProtobufWriter();

/** Undefined where nothing is granted. */
export function writeGrantedExtensions(granted: GrantedExtensions | undefined): ProtobufWriter | undefined {
  if (granted === undefined) return undefined;
  const { inbox, handover, keys, window } = granted;
  return message()
    .message(1, inbox && writeInbox(inbox))
    .message(2, handover && writeHandover(handover))
    .bool(3, keys)
    .message(4, window && message().uint(1, window.ms));
}

function writeInbox({ group, epoch, offset, lost }: InboxResult): ProtobufWriter {
  return message().string(1, group).string(2, epoch).uint(3, offset).bool(4, lost);
}

function writeHandover({ session, secret, resumeMs, moved }: HandoverResult): ProtobufWriter {
  return message()
    .string(1, session)
    .string(2, secret)
    .uint(3, resumeMs)
    .message(4, moved && writeMoved(moved));
}

function writeMoved(moved: ReadonlyMap<string, StreamPosition>): ProtobufWriter {
  const writer = message();
  for (const [channel, { offset, epoch }] of moved) {
    writer.message(1, message().string(1, channel).message(2, message().uint(1, offset).string(2, epoch)));
  }
  return writer;
}

export function writeExtensionPush(push: ExtensionPush): ProtobufWriter {
  switch (push.kind) {
    case "goaway": {
      const { session, secret, windowMs, deadlineMs } = push;
      return message().message(2, message().string(1, session).string(2, secret).uint(3, windowMs).uint(4, deadlineMs));
    }
    case "goaway_cancel":
      return message().message(3, message());
    case "window":
      return message().message(4, message().uint(1, push.ms));
  }
}
