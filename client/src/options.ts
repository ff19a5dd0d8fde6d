import type { Clock, Random } from "./clock.ts";
import { systemClock, systemRandom } from "./clock.ts";
import type { ClientStore } from "./client-store.ts";
import type { ClientCodec } from "./codec.ts";
import { given } from "./json-fields.ts";
import type { Payload } from "./messages.ts";
import type { NetworkScope } from "./network-watch.ts";
import type { QueueLimits } from "./publish-queue.ts";
import type { TokenProvider } from "./token-source.ts";
import type { TraceEvent } from "./trace.ts";
import type { TransportMemory } from "./transport-choice.ts";
import type { Environment, TransportFactory } from "./transport.ts";

/** What an application says of its client. Everything but `endpoint` has a default. */
export interface ClientOptions {
  /** The server (`https://example.com`) or its WebSocket (`wss://example.com/connection/websocket`). */
  readonly endpoint: string;
  /** Addresses of single transports, by their names, where they are not beside each other; `emulation` is one too. */
  readonly endpoints?: Readonly<Record<string, string>>;
  readonly token?: string;
  /** Asked for a token when there is none or it ends. */
  readonly getToken?: TokenProvider;
  /** Goes to the server with connect. */
  readonly data?: Payload;
  /** Name and version of the program, for the server's logs. */
  readonly name?: string;
  readonly version?: string;
  /** Sent with connect, and as headers of HTTP requests. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Reads the inbox of the user, as this group of devices. */
  readonly inbox?: { readonly group?: string };
  /** First and largest wait between tries. Default 500 ms and 30 s. */
  readonly backoff?: { readonly baseMs?: number; readonly maxMs?: number };
  /** Tries in a row until the client closes; by default it never does. */
  readonly maxAttempts?: number;
  /** From opening to the connect reply. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** From a command to its reply. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** How much later than announced a server's ping may come. Default 10 s. */
  readonly pingSlackMs?: number;
  /** Keeps publishes without an answer, and places of subscriptions that ask for it, for the next page: `openPersistence`. */
  readonly store?: ClientStore;
  /** Bounds of the publishes that wait. */
  readonly queue?: Partial<QueueLimits>;
  /** The preferred one first. */
  readonly transports?: readonly TransportFactory[];
  readonly transportMemory?: TransportMemory;
  readonly codec?: ClientCodec;
  /** Where WebSocket, fetch and EventSource come from. Default: the global object. */
  readonly environment?: Environment & NetworkScope;
  /** Called with all that happens. */
  readonly trace?: (event: TraceEvent) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** With every default filled in. */
export interface Settings extends ClientOptions {
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly maxAttempts: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly pingSlackMs: number;
  readonly queue: QueueLimits;
  readonly transports: readonly TransportFactory[];
  readonly codec: ClientCodec;
  readonly environment: Environment & NetworkScope;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the core brings none of, so that an application bundles only what it uses. */
export type Parts = Required<Pick<ClientOptions, "transports" | "codec">>;

export function settingsOf(options: ClientOptions & Parts): Settings {
  return {
    maxAttempts: Infinity,
    connectTimeoutMs: 10_000,
    requestTimeoutMs: 10_000,
    pingSlackMs: 10_000,
    environment: globalThis,
    clock: systemClock,
    random: systemRandom,
    ...given(options),
    backoff: { baseMs: 500, maxMs: 30_000, ...options.backoff },
    queue: { maxCount: 1000, maxBytes: 1_000_000, maxAgeMs: 120_000, ...options.queue },
  };
}
