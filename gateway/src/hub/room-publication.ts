import { isUtf8 } from "node:buffer";
import { type Codec, encodePublicationTail, JSON_CODEC } from "@belay/protocol";
import type { BrokerPublication } from "../broker/broker.ts";
import { decodeClientInfo } from "./client-info.ts";

/**
 * How one subscriber gets a publication: as it is; in a delta stream (where JSON data is a string), whole; or in a delta stream as a
 * patch of the publication before.
 */
export type PublicationForm = "plain" | "whole" | "patch";

/** Makes a patch that turns `from` into `to`. */
export type MakeDelta = (from: Uint8Array, to: Uint8Array) => Uint8Array;

/** What the publications of one room share. */
export interface PublicationShape {
  readonly channel: string;
  /** Beginning of a plain JSON line. */
  readonly jsonHead: Uint8Array;
  /** Whether subscribers see offsets: the channel has a history, which a new configuration may change. */
  readonly showsOffset: () => boolean;
  readonly makeDelta: MakeDelta;
}

interface Details {
  readonly offset?: number;
  readonly timeMs?: number;
  readonly tags?: ReadonlyMap<string, string>;
}

/** One publication in a room. Every form of it is encoded once, when the first subscriber needs it, and shared by the rest. */
export class RoomPublication {
  readonly source: BrokerPublication;
  /** Of an ephemeral publication: what a newer one with the same key makes worthless, over all channels of a connection. */
  readonly latestKey: string | undefined;
  readonly #shape: PublicationShape;
  readonly #previousData: Buffer | undefined;
  readonly #lines: Lines = new Map();
  /** For those who see places where others do not. */
  readonly #placedLines: Lines = new Map();
  #plainJson: Buffer | undefined;
  #placedJson: Buffer | undefined;
  #isPlaceKnown: boolean | undefined;

  constructor(source: BrokerPublication, shape: PublicationShape, previousData: Buffer | undefined) {
    this.source = source;
    const { ephemeralKey } = source;
    this.latestKey = ephemeralKey === undefined ? undefined : `${shape.channel}\n${ephemeralKey}`;
    this.#shape = shape;
    this.#previousData = previousData;
  }

  line(codec: Codec, form: PublicationForm): Buffer {
    // Nearly all subscribers want this one.
    if (codec === JSON_CODEC && form === "plain") {
      this.#plainJson ??= this.#encodePlainJson(this.#details());
      return this.#plainJson;
    }
    return knownLine(this.#lines, codec, form) ?? this.#remember(this.#lines, codec, form);
  }

  /** For a subscriber that sees the place also where the channel has no history (E1). */
  placedLine(codec: Codec, form: PublicationForm): Buffer {
    if (this.latestKey !== undefined || this.#isPlaceShown()) return this.line(codec, form);
    if (codec === JSON_CODEC && form === "plain") {
      this.#placedJson ??= this.#encodePlainJson(this.#details(true));
      return this.#placedJson;
    }
    return knownLine(this.#placedLines, codec, form) ?? this.#remember(this.#placedLines, codec, form);
  }

  #remember(lines: Lines, codec: Codec, form: PublicationForm): Buffer {
    const details = lines === this.#placedLines ? this.#details(true) : this.#details();
    const line = this.#encode(codec, form, details);
    const forms = lines.get(codec) ?? new Map<PublicationForm, Buffer>();
    lines.set(codec, forms);
    forms.set(form, line);
    return line;
  }

  /** Bytes are spliced, nothing is decoded. */
  #encodePlainJson(details: Details): Buffer {
    const { data, info } = this.source;
    const tail = encodePublicationTail(details, info);
    return Buffer.concat([this.#shape.jsonHead, data, tail]);
  }

  #encode(codec: Codec, form: PublicationForm, details: Details): Buffer {
    const { data, info } = this.source;
    const patch = form === "patch" ? this.#patch(codec) : undefined;
    const clientInfo = info === undefined ? undefined : decodeClientInfo(info);
    const encoded = codec.encodePush({
      kind: "publication",
      channel: this.#shape.channel,
      publication: {
        ...details,
        data: patch ?? data,
        ...(patch !== undefined && { delta: true }),
        ...(clientInfo !== undefined && { info: clientInfo }),
      },
      isDeltaStream: form !== "plain",
    });
    return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  }

  /** Undefined where a patch is not possible or brings nothing. */
  #patch(codec: Codec): Buffer | undefined {
    if (this.#previousData === undefined) return undefined;
    const { data } = this.source;
    const patch = Buffer.from(this.#shape.makeDelta(this.#previousData, data));
    // A patch may cut a character in two, and JSON text cannot carry that.
    const fits = codec.name === "protobuf" || isUtf8(patch);
    return patch.length < data.length && fits ? patch : undefined;
  }

  #details(isPlaceShown: boolean = this.#isPlaceShown()): Details {
    const { offset, timeMs, tags } = this.source;
    return {
      ...(isPlaceShown && { offset, timeMs }),
      ...(tags !== undefined && { tags: new Map(Object.entries(tags)) }),
    };
  }

  /** To everybody; asked once, because it looks the namespace up. */
  #isPlaceShown(): boolean {
    this.#isPlaceKnown ??= this.latestKey === undefined && this.#shape.showsOffset();
    return this.#isPlaceKnown;
  }
}

type Lines = Map<Codec, Map<PublicationForm, Buffer>>;

function knownLine(lines: Lines, codec: Codec, form: PublicationForm): Buffer | undefined {
  return lines.get(codec)?.get(form);
}
