import { z } from "zod";
import {
  type BrokerPublication,
  type EphemeralPublication,
  ephemeralOf,
  type PresenceEvent,
  type PublicationContent,
  type PublishRequest,
} from "./broker.ts";

/**
 * A publication on its way through Redis and in a stream: `offset:epoch:timeMs:flags:lengths:` in ASCII, then the sections as
 * they are. `lengths` are the byte lengths, with commas between, of the sections before the last: tags (JSON text), info, and any
 * that a later version adds, which this one skips. The last section is the data. The scripts write offset, epoch and time
 * (redis-channel-scripts.ts), so that they are those under which the publication was counted.
 *
 * Somebody's coming to a channel is `+` with the client info, leaving `-`. An ephemeral publication is `~lengths:` and the sections
 * tags, info, key and data; a node that does not know it drops it.
 */
const COLON = 0x3a;
/** Longest header: 16 digits, an epoch, 13 digits, 3, 8 lengths of 10. Anything longer is not ours. */
const MAX_HEADER_BYTES = 192;
const MAX_EPOCH_CHARS = 48;
const MAX_SECTIONS = 8;

const USE_DELTA = 1;
const UNSTORED = 2;

const HEADER = new RegExp(
  String.raw`^([1-9]\d{0,15}):([\w.-]{1,${MAX_EPOCH_CHARS}}):(\d{1,15}):(\d{1,3}):(\d{1,10}(?:,\d{1,10}){1,${MAX_SECTIONS - 1}})$`,
);
const TAGS = z.record(z.string(), z.string());

/** What a publisher gives to the script. */
export interface PublicationBody {
  readonly flags: number;
  readonly lengths: string;
  readonly sections: Buffer;
}

export function encodeBody({ data, info, tags, useDelta, history }: PublishRequest): PublicationBody {
  const flags = (useDelta === true ? USE_DELTA : 0) | (history === undefined ? UNSTORED : 0);
  if (tags === undefined && info === undefined) return { flags, lengths: "0,0", sections: data };
  const tagBytes = Buffer.from(tags === undefined ? "" : JSON.stringify(tags));
  const infoBytes = info ?? Buffer.alloc(0);
  return {
    flags,
    lengths: `${tagBytes.length},${infoBytes.length}`,
    sections: Buffer.concat([tagBytes, infoBytes, data]),
  };
}

/** Undefined when the bytes are not a publication. The result shares their memory. */
export function parsePublication(channel: string, bytes: Buffer): BrokerPublication | undefined {
  const header = parseHeader(bytes);
  const sections = header === undefined ? undefined : sectionsOf(bytes.subarray(header.end), header.lengths);
  if (header === undefined || sections === undefined) return undefined;
  const { offset, epoch, timeMs, flags } = header;
  return {
    channel,
    offset,
    position: { offset, epoch },
    timeMs,
    ...sections,
    ...((flags & USE_DELTA) !== 0 && { useDelta: true }),
    ...((flags & UNSTORED) !== 0 && { isUnstored: true }),
  };
}

export function encodePresenceEvent({ kind, info }: PresenceEvent): Buffer {
  return Buffer.concat([Buffer.from(kind === "join" ? "+" : "-"), info]);
}

export function encodeEphemeral({ key, data, info, tags }: EphemeralPublication): Buffer {
  const tagBytes = Buffer.from(tags === undefined ? "" : JSON.stringify(tags));
  const keyBytes = Buffer.from(key);
  const infoBytes = info ?? Buffer.alloc(0);
  const head = Buffer.from(`~${tagBytes.length},${infoBytes.length},${keyBytes.length}:`);
  return Buffer.concat([head, tagBytes, infoBytes, keyBytes, data]);
}

const EPHEMERAL_HEADER = /^~(\d{1,10}),(\d{1,10}),(\d{1,10}):/;

/** Undefined when the bytes are something else. The result shares their memory. */
export function parseEphemeral(channel: string, bytes: Buffer): BrokerPublication | undefined {
  if (bytes[0] !== 0x7e) return undefined;
  const [header = "", ...texts] = EPHEMERAL_HEADER.exec(bytes.toString("latin1", 0, MAX_HEADER_BYTES)) ?? [];
  const [tagsLength = 0, infoLength = 0, keyLength = 0] = texts.map(Number);
  const body = bytes.subarray(header.length);
  const content = header === "" ? undefined : sectionsOf(body, [tagsLength, infoLength, keyLength]);
  if (content === undefined) return undefined;
  const keyStart = tagsLength + infoLength;
  return ephemeralOf({ channel, key: body.toString("utf8", keyStart, keyStart + keyLength), ...content });
}

/** Undefined when the bytes are something else. */
export function parsePresenceEvent(channel: string, bytes: Buffer): PresenceEvent | undefined {
  const kind = bytes[0] === 0x2b ? "join" : bytes[0] === 0x2d ? "leave" : undefined;
  return kind === undefined ? undefined : { channel, kind, info: bytes.subarray(1) };
}

interface Header {
  readonly offset: number;
  readonly epoch: string;
  readonly timeMs: number;
  readonly flags: number;
  readonly lengths: readonly number[];
  /** Where the first section begins. */
  readonly end: number;
}

function parseHeader(bytes: Buffer): Header | undefined {
  const end = endOfHeader(bytes);
  const [, offset, epoch = "", timeMs, flags, lengths = ""] = HEADER.exec(bytes.toString("latin1", 0, end)) ?? [];
  if (!Number.isSafeInteger(Number(offset))) return undefined;
  return {
    offset: Number(offset),
    epoch,
    timeMs: Number(timeMs),
    flags: Number(flags),
    lengths: lengths.split(",").map(Number),
    end: end + 1,
  };
}

/** Place of the fifth colon; 0 where there is none, which no header matches. */
function endOfHeader(bytes: Buffer): number {
  const head = bytes.subarray(0, MAX_HEADER_BYTES);
  let at = -1;
  for (let colons = 0; colons < 5; colons += 1) {
    at = head.indexOf(COLON, at + 1);
    if (at === -1) return 0;
  }
  return at;
}

/** The sections by name; undefined where the lengths or the tags are not what we write. */
function sectionsOf(body: Buffer, lengths: readonly number[]): PublicationContent | undefined {
  const sections: Buffer[] = [];
  let start = 0;
  for (const length of lengths) {
    sections.push(body.subarray(start, start + length));
    start += length;
  }
  const [tagBytes, info] = sections;
  if (tagBytes === undefined || info === undefined || start > body.length) return undefined;
  const tags = tagBytes.length === 0 ? undefined : parseTags(tagBytes);
  if (tagBytes.length > 0 && tags === undefined) return undefined;
  return {
    data: body.subarray(start),
    ...(tags !== undefined && { tags }),
    ...(info.length > 0 && { info }),
  };
}

function parseTags(bytes: Buffer): Readonly<Record<string, string>> | undefined {
  try {
    return TAGS.safeParse(JSON.parse(bytes.toString())).data;
  } catch {
    return undefined;
  }
}
