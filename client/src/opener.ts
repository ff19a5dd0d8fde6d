import { emulationEndpointOf, endpointOf } from "./endpoints.ts";
import { UnauthorizedError } from "./errors.ts";
import { toError } from "./failure.ts";
import { given } from "./json-fields.ts";
import { Link, type LinkEnd, type LinkEvents } from "./link.ts";
import type { ConnectCommand, ConnectResult, ErrorReply, HandoverRequest, SubscribeRequest } from "./messages.ts";
import type { Settings } from "./options.ts";
import { LOCAL, needsNewToken } from "./reconnect-policy.ts";
import type { TokenSource } from "./token-source.ts";
import type { Trace } from "./trace.ts";
import type { TransportChoice } from "./transport-choice.ts";
import type { TransportFactory } from "./transport.ts";

/** What a connection begins with beside token and settings. */
export interface OpeningRequest {
  readonly handover: HandoverRequest;
  /** Server-side subscriptions to recover. */
  readonly subs: ReadonlyMap<string, SubscribeRequest>;
  readonly inbox?: { readonly group: string; readonly epoch?: string; readonly offset?: number } | undefined;
}

export interface OpeningEvents extends Omit<LinkEvents, "onEstablished"> {
  readonly onEstablished: (result: ConnectResult, link: Link) => void;
}

/** Opens connections: brings the token, chooses the transport, and tells both how it went. */
export class Opener {
  readonly #settings: Settings;
  readonly #tokens: TokenSource;
  readonly #choice: TransportChoice;
  readonly #trace: Trace;
  #opened = 0;

  constructor(settings: Settings, tokens: TokenSource, choice: TransportChoice, trace: Trace) {
    this.#settings = settings;
    this.#tokens = tokens;
    this.#choice = choice;
    this.#trace = trace;
  }

  /** The answer gives it up, at whatever point it is; then no event comes any more. */
  open(request: OpeningRequest, events: OpeningEvents): () => void {
    let isCancelled = false;
    let link: Link | undefined;
    const { clock, connectTimeoutMs } = this.#settings;
    const cancelTimer = clock.after(connectTimeoutMs, () => {
      this.#tokens.forget();
      fail(LOCAL.noToken);
    });
    const fail = (end: Omit<LinkEnd, "wasOpened">): void => {
      cancelTimer();
      if (!isCancelled) events.onEnd({ ...end, wasOpened: false });
    };
    const begin = (token: string | undefined): void => {
      cancelTimer();
      if (isCancelled) return;
      const factory = this.#choice.next(clock.nowMs());
      if (factory === undefined) return fail(LOCAL.noTransport);
      try {
        link = this.#link(connectOf(this.#settings, token, request), factory, events);
      } catch (error) {
        fail({ ...LOCAL.badOptions, reason: String(error) });
      }
    };
    this.#tokens.get().then(begin, (error: unknown) => fail(failure(error)));
    return () => {
      isCancelled = true;
      cancelTimer();
      link?.close(1000, "given up");
    };
  }

  #link(connect: Omit<ConnectCommand, "id" | "kind">, factory: TransportFactory, events: OpeningEvents): Link {
    const { clock, endpoints } = this.#settings;
    const beganMs = clock.nowMs();
    this.#opened += 1;
    const number = this.#opened;
    let wasEstablished = false;
    const endpoint = endpoints?.[factory.name] ?? endpointOf(this.#settings.endpoint, factory.name);
    this.#trace({ type: "open", link: number, transport: factory.name, endpoint });
    const link: Link = new Link(connect, this.#linkOptions(factory, endpoint, number), {
      ...events,
      onEstablished: (result) => {
        wasEstablished = true;
        this.#choice.worked(clock.nowMs());
        const isContinued = result.belay?.handover?.moved !== undefined;
        this.#trace({ type: "established", link: number, tookMs: clock.nowMs() - beganMs, isContinued });
        events.onEstablished(result, link);
      },
      onRefused: (error) => this.#refused(error, events),
      onEnd: (end) => {
        this.#trace({ type: "end", link: number, end });
        this.#judge(end, wasEstablished);
        events.onEnd(end);
      },
    });
    return link;
  }

  #linkOptions(factory: TransportFactory, endpoint: string, number: number): ConstructorParameters<typeof Link>[1] {
    const { endpoints, trace } = this.#settings;
    return {
      ...this.#settings,
      factory,
      endpoint,
      emulationEndpoint: endpoints?.["emulation"] ?? emulationEndpointOf(this.#settings.endpoint),
      onFrame: trace && ((direction, frame) => this.#trace({ type: "frame", link: number, direction, frame })),
    };
  }

  #refused(error: ErrorReply, events: OpeningEvents): void {
    this.#trace({ type: "refused", error });
    if (needsNewToken(error.code)) this.#tokens.drop();
    events.onRefused(error);
  }

  /** A server that closes with a code of its own understands the transport; everything else before connect's reply blames it. */
  #judge({ code }: LinkEnd, wasEstablished: boolean): void {
    if (needsNewToken(code)) this.#tokens.drop();
    if (!wasEstablished && code < 3000) this.#choice.failed();
  }
}

function failure(error: unknown): Omit<LinkEnd, "wasOpened"> {
  const end = error instanceof UnauthorizedError ? LOCAL.unauthorized : LOCAL.noToken;
  return { ...end, reason: toError(error).message };
}

function connectOf(
  { data, name, version, headers }: Settings,
  token: string | undefined,
  { handover, subs, inbox }: OpeningRequest,
): Omit<ConnectCommand, "id" | "kind"> {
  const belay = given({ handover, keys: true, window: true, inbox });
  return given({ token, data, name, version, headers, subs: subs.size > 0 ? subs : undefined, belay });
}
