/** Parts of messages that replies and pushes share. Field numbers are those of client.proto. */
import { type FieldTable, ProtobufReader } from "@belay/protocol/protobuf-wire";
import type {
  ClientInfo,
  Payload,
  ReconnectWindow,
  RefreshResult,
  StreamPosition,
  SubscribeResult,
  WirePublication,
} from "./messages.ts";

/** Collects fields into an object whose members are absent until they come. */
export type Draft<T> = { -readonly [K in keyof T]?: T[K] };

const NO_BYTES: Payload = new Uint8Array(0);

interface MapEntry {
  key: string;
  value: ProtobufReader;
}

const ENTRY: FieldTable<MapEntry> = {
  1: (entry, reader, type) => void (entry.key = reader.string(type)),
  2: (entry, reader, type) => void (entry.value = reader.nested(type)),
};

/** Reads one entry of a map whose values are messages. */
export function readEntry<T>(
  map: Map<string, T>,
  entryReader: ProtobufReader,
  read: (value: ProtobufReader) => T,
): void {
  const empty: MapEntry = { key: "", value: new ProtobufReader(new Uint8Array(0)) };
  const { key, value } = entryReader.message(empty, ENTRY);
  map.set(key, read(value));
}

const POSITION: FieldTable<Draft<StreamPosition>> = {
  1: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  2: (draft, reader, type) => void (draft.epoch = reader.string(type)),
};

export function readPosition(reader: ProtobufReader): StreamPosition {
  return { epoch: "", offset: 0, ...reader.message<Draft<StreamPosition>>({}, POSITION) };
}

const INFO: FieldTable<Draft<ClientInfo>> = {
  1: (draft, reader, type) => void (draft.user = reader.string(type)),
  2: (draft, reader, type) => void (draft.client = reader.string(type)),
  3: (draft, reader, type) => void (draft.connInfo = reader.bytes(type)),
  4: (draft, reader, type) => void (draft.chanInfo = reader.bytes(type)),
};

export function readInfo(reader: ProtobufReader): ClientInfo {
  return { user: "", client: "", ...reader.message<Draft<ClientInfo>>({}, INFO) };
}

interface Tag {
  key: string;
  value: string;
}

const TAG: FieldTable<Tag> = {
  1: (tag, reader, type) => void (tag.key = reader.string(type)),
  2: (tag, reader, type) => void (tag.value = reader.string(type)),
};

interface PublicationDraft extends Omit<Draft<WirePublication>, "tags"> {
  readonly entries: [string, string][];
}

const PUBLICATION: FieldTable<PublicationDraft> = {
  4: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  5: (draft, reader, type) => void (draft.info = readInfo(reader.nested(type))),
  6: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  7: ({ entries }, reader, type) => {
    const { key, value } = reader.nested(type).message({ key: "", value: "" }, TAG);
    entries.push([key, value]);
  },
  8: (draft, reader, type) => void (draft.delta = reader.bool(type)),
  9: (draft, reader, type) => void (draft.timeMs = reader.uint64(type)),
};

export function readPublication(reader: ProtobufReader): WirePublication {
  const { entries, ...draft } = reader.message<PublicationDraft>({ entries: [] }, PUBLICATION);
  return { data: NO_BYTES, ...draft, ...(entries.length > 0 && { tags: Object.fromEntries(entries) }) };
}

interface SubscribeDraft extends Omit<Draft<SubscribeResult>, "publications"> {
  readonly publications: WirePublication[];
}

const SUBSCRIBE: FieldTable<SubscribeDraft> = {
  1: (draft, reader, type) => void (draft.expires = reader.bool(type)),
  2: (draft, reader, type) => void (draft.ttl = reader.uint32(type)),
  3: (draft, reader, type) => void (draft.recoverable = reader.bool(type)),
  6: (draft, reader, type) => void (draft.epoch = reader.string(type)),
  7: ({ publications }, reader, type) => void publications.push(readPublication(reader.nested(type))),
  8: (draft, reader, type) => void (draft.recovered = reader.bool(type)),
  9: (draft, reader, type) => void (draft.offset = reader.uint64(type)),
  10: (draft, reader, type) => void (draft.positioned = reader.bool(type)),
  11: (draft, reader, type) => void (draft.data = reader.bytes(type)),
  12: (draft, reader, type) => void (draft.wasRecovering = reader.bool(type)),
  13: (draft, reader, type) => void (draft.delta = reader.bool(type)),
};

export function readSubscribeResult(reader: ProtobufReader): SubscribeResult {
  const { publications, ...draft } = reader.message<SubscribeDraft>({ publications: [] }, SUBSCRIBE);
  return { ...draft, ...(publications.length > 0 && { publications }) };
}

const WINDOW: FieldTable<Draft<ReconnectWindow>> = {
  1: (draft, reader, type) => void (draft.ms = reader.uint64(type)),
};

export function readWindow(reader: ProtobufReader): ReconnectWindow {
  return { ms: 0, ...reader.message<Draft<ReconnectWindow>>({}, WINDOW) };
}

/** Of messages that hold only whether and when something ends, at these field numbers. */
export function refreshTable(expires: number, ttl: number): FieldTable<Draft<RefreshResult>> {
  return {
    [expires]: (draft: Draft<RefreshResult>, reader: ProtobufReader, type: number): void => {
      draft.expires = reader.bool(type);
    },
    [ttl]: (draft: Draft<RefreshResult>, reader: ProtobufReader, type: number): void => {
      draft.ttl = reader.uint32(type);
    },
  };
}
