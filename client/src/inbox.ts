import { InboxLostError, InboxUnavailableError } from "./errors.ts";
import { given } from "./json-fields.ts";
import type { InboxResult, StreamPosition, WirePublication } from "./messages.ts";

/** A message of the user's inbox. */
export interface InboxMessage<Data = unknown> extends StreamPosition {
  readonly data: Data;
  readonly tags?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly timeMs?: number;
}

/** Epochs that are remembered: an inbox takes another one only when Redis lost it. */
const MAX_EPOCHS = 8;

/** Shows every message of an inbox once: the largest offset of each epoch is remembered. */
export class Inbox {
  readonly #group: string;
  readonly #seen = new Map<string, number>();
  #position: StreamPosition | undefined;

  constructor(group: string) {
    this.#group = group;
  }

  request(): { readonly group: string } & Partial<StreamPosition> {
    return { group: this.#group, ...this.#position };
  }

  /** What the server said of it: nothing where it has none. Answers with what the application has to be told. */
  opened(result: InboxResult | undefined): Error | undefined {
    if (result === undefined) return new InboxUnavailableError();
    const { epoch, offset, lost } = result;
    const isLost = lost === true;
    // Behind what is lost: the next connection is not to be told of it again.
    if (isLost || this.#position?.epoch !== epoch) this.#position = { epoch, offset };
    return isLost ? new InboxLostError() : undefined;
  }

  /** Undefined for one that was shown. */
  arrived(epoch: string, { data, offset = 0, tags, timeMs }: WirePublication): InboxMessage | undefined {
    if (offset <= (this.#seen.get(epoch) ?? 0)) return undefined;
    this.#seen.set(epoch, offset);
    this.#position = { epoch, offset };
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_EPOCHS && oldest !== undefined) this.#seen.delete(oldest);
    return { data, epoch, offset, ...given({ tags, timeMs }) };
  }
}
