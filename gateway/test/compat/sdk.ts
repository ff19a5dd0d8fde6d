/** What scenarios know of an SDK: calls go in, events come out, all of it plain data. */

export interface StreamPosition {
  readonly offset: number;
  readonly epoch: string;
}

/** What the SDK told its user, in order. Payloads are parsed JSON, whatever the SDK's form of it is. */
export interface SdkEvent {
  readonly kind: string;
  readonly channel?: string;
  readonly code?: number;
  readonly data?: unknown;
  readonly [field: string]: unknown;
}

export type Arguments = Readonly<Record<string, unknown>>;

/** A call of the SDK that was refused: `code` is the server's where it was the server. */
export class SdkCallError extends Error {
  readonly code: number | undefined;

  constructor(op: string, message: string, code: number | undefined) {
    super(`${op}: ${message}`);
    this.name = "SdkCallError";
    this.code = code;
  }
}

export interface ClientOptions {
  /** Of the server, without a path. */
  readonly httpUrl: string;
  readonly timeoutMs: number;
  readonly token?: string;
  /** What its callback for new tokens gives, one after the other. */
  readonly tokens?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: unknown;
}

/** One client of an SDK. */
export interface SdkClient {
  readonly events: readonly SdkEvent[];
  /** Rejects with SdkCallError. */
  call(op: string, args: Arguments): Promise<unknown>;
  close(): Promise<void>;
}

/** What not every SDK has. */
export type Feature = "batching" | "messages" | "first position" | "delta statistics";

export interface Sdk {
  /** Heads its column. */
  readonly name: string;
  readonly lacks: ReadonlySet<Feature>;
  open(options: ClientOptions): Promise<SdkClient>;
}
