import type { CancelTimer, Clock } from "./clock.ts";
import type { ClientCodec } from "./codec.ts";
import { ConnectionLostError, RequestTimeoutError, ServerError } from "./errors.ts";
import { toError } from "./failure.ts";
import type {
  Command,
  ConnectCommand,
  ConnectResult,
  ErrorReply,
  Payload,
  Push,
  Reply,
  ServerMessage,
} from "./messages.ts";
import { LOCAL } from "./reconnect-policy.ts";
import type { Environment, Frame, OpenOptions, Transport, TransportFactory } from "./transport.ts";

/** How a connection ended. */
export interface LinkEnd {
  readonly code: number;
  readonly reason: string;
  /** The transport had opened: the server speaks it. */
  readonly wasOpened: boolean;
}

/** A command whose id the link chooses. */
export type Request = Command extends infer C ? (C extends { readonly id: number } ? Omit<C, "id"> : never) : never;

export type Outcome = { readonly ok: true; readonly reply: Reply } | { readonly ok: false; readonly error: Error };

/** Called once, within the call that brings the reply, so that pushes behind it are seen after it. */
export type Answer = (outcome: Outcome) => void;

/** None of them is called once the link was closed by its owner. */
export interface LinkEvents {
  readonly onEstablished: (result: ConnectResult) => void;
  /** The link is over; `onEnd` does not follow. */
  readonly onRefused: (error: ErrorReply) => void;
  readonly onPush: (push: Push) => void;
  readonly onEnd: (end: LinkEnd) => void;
}

export interface LinkOptions {
  readonly factory: TransportFactory;
  readonly endpoint: string;
  readonly emulationEndpoint?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly environment: Environment;
  readonly codec: ClientCodec;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How much later than announced a ping may come. */
  readonly pingSlackMs: number;
  /** For the trace. */
  readonly onFrame?: ((direction: "in" | "out", frame: Frame) => void) | undefined;
}

interface Pending {
  readonly answer: Answer;
  readonly cancelTimer: CancelTimer;
}

const CONNECT_ID = 1;
/** A probe must be answered within this; else the connection is given up. */
const PROBE_TIMEOUT_MS = 5000;
/** Commands of one frame: with tokens they stay within the server's 64 KiB. */
const MAX_BATCH = 16;

/** One connection to the server, from opening to its end: requests and their answers, pushes, heartbeat. */
export class Link {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  readonly #transport: Transport;
  readonly #pending = new Map<number, Pending>();
  #nextId = CONNECT_ID + 1;
  #phase: "opening" | "established" | "over" = "opening";
  #wasOpened = false;
  #answersPings = false;
  #heardMs: number;
  #cancelTimer: CancelTimer;
  #onIdle: (() => void) | undefined;

  constructor(connect: Omit<ConnectCommand, "id" | "kind">, options: LinkOptions, events: LinkEvents) {
    const { clock, connectTimeoutMs } = options;
    this.#options = options;
    this.#events = events;
    this.#heardMs = clock.nowMs();
    const connectFrame = options.codec.encode([{ ...connect, kind: "connect", id: CONNECT_ID }]);
    options.onFrame?.("out", connectFrame);
    this.#transport = options.factory.open(openOptions(connectFrame, options), {
      onOpen: () => {
        this.#wasOpened = true;
      },
      onFrame: (frame) => this.#receive(frame),
      onClose: ({ code, reason }) => this.#end(this.#wasOpened ? { code, reason } : { ...LOCAL.notOpened, reason }),
    });
    // Last: of a link that cannot be made no timer is left.
    this.#cancelTimer = clock.after(connectTimeoutMs, () => this.#end(LOCAL.connectTimeout));
  }

  get transportName(): string {
    return this.#transport.name;
  }

  get bufferedAmount(): number {
    return this.#phase === "over" ? 0 : this.#transport.bufferedAmount;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get isEstablished(): boolean {
    return this.#phase === "established";
  }

  /** The answer comes later, never within this call; a payload that cannot be written is one, too. */
  request(request: Request, answer: Answer, timeoutMs: number = this.#options.requestTimeoutMs): void {
    this.#write([this.#await(request, answer, timeoutMs)]);
  }

  /** The same for small commands of which there may be many: they share frames. */
  requestAll(requests: readonly (readonly [Request, Answer])[]): void {
    for (let first = 0; first < requests.length; first += MAX_BATCH) {
      const batch = requests.slice(first, first + MAX_BATCH);
      this.#write(batch.map(([request, answer]) => this.#await(request, answer, this.#options.requestTimeoutMs)));
    }
  }

  /** A message without an answer. Throws where the payload cannot be written. */
  send(data: Payload): void {
    this.#transmit([{ kind: "send", data }]);
  }

  /** Asks for a sign of life: without one the link ends. */
  probe(): void {
    if (this.#phase !== "established") return;
    const askedMs = this.#options.clock.nowMs();
    const onSilence: Answer = (outcome) => {
      const isSilent = !outcome.ok && outcome.error instanceof RequestTimeoutError && this.#heardMs <= askedMs;
      if (isSilent) this.#end(LOCAL.noPing);
    };
    this.request({ kind: "ping" }, onSilence, PROBE_TIMEOUT_MS);
  }

  /** The server has left a command unanswered that it must answer: the two do not agree any more about what there is. */
  abandon(): void {
    this.#end(LOCAL.noAnswer);
  }

  /** Runs once nothing waits for an answer any more, at the latest when the link is over. */
  whenIdle(run: () => void): void {
    this.#onIdle = run;
    this.#checkIdle();
  }

  /** Ends the connection without an event; what waits for an answer is told. */
  close(code = 1000, reason = ""): void {
    if (this.#phase === "over") return;
    this.#finish();
    this.#transport.close(code, reason);
  }

  #await(request: Request, answer: Answer, timeoutMs: number): Numbered {
    const id = this.#nextId;
    this.#nextId += 1;
    const expire = (): void => this.#fail(id, new RequestTimeoutError(request.kind, timeoutMs));
    this.#pending.set(id, { answer, cancelTimer: this.#options.clock.after(timeoutMs, expire) });
    return { ...request, id };
  }

  #write(commands: readonly Numbered[]): void {
    try {
      if (this.#phase === "over") throw new ConnectionLostError("the connection was lost");
      this.#transmit(commands);
    } catch (thrown) {
      const error = toError(thrown);
      if (commands.length > 1) for (const command of commands) this.#write([command]);
      else for (const { id } of commands) queueMicrotask(() => this.#fail(id, error));
    }
  }

  #transmit(commands: readonly Command[]): void {
    if (this.#phase === "over") return;
    const frame = this.#options.codec.encode(commands);
    this.#options.onFrame?.("out", frame);
    this.#transport.send(frame);
  }

  #receive(frame: Frame): void {
    if (this.#phase === "over") return;
    this.#options.onFrame?.("in", frame);
    this.#heardMs = this.#options.clock.nowMs();
    const decoded = this.#options.codec.decode(frame);
    if (!decoded.ok) return this.#end({ ...LOCAL.badFrame, reason: decoded.problem });
    for (const message of decoded.messages) this.#take(message);
  }

  #take(message: ServerMessage): void {
    // A message before may have ended the link.
    if (this.#phase === "over") return;
    if (message.type === "ping") return this.#answersPings ? this.#transmit([{ kind: "pong" }]) : undefined;
    if (message.type === "reply") return message.id === CONNECT_ID ? this.#connected(message) : this.#answer(message);
    if (message.kind === "disconnect") return this.#end(message);
    this.#events.onPush(message);
  }

  #connected(reply: Reply): void {
    if (this.#phase !== "opening") return;
    if (reply.kind === "error") {
      this.close();
      return this.#events.onRefused(reply.error);
    }
    if (reply.kind !== "connect") return this.#end(LOCAL.badFrame);
    const { session, node, ping = 0, pong } = reply.result;
    this.#phase = "established";
    this.#answersPings = pong === true;
    this.#cancelTimer();
    if (session !== undefined) this.#transport.identify({ session, node: node ?? "" });
    if (ping > 0) this.#watch(ping * 1000, ping * 1000 + this.#options.pingSlackMs);
    this.#events.onEstablished(reply.result);
  }

  /** Compares with the clock, not with timers: they stand still while a machine sleeps. */
  #watch(intervalMs: number, silenceMs: number): void {
    this.#cancelTimer = this.#options.clock.after(intervalMs, () => {
      const silentMs = this.#options.clock.nowMs() - this.#heardMs;
      if (silentMs > silenceMs) return this.#end(LOCAL.noPing);
      // A clock that was set back.
      if (silentMs < 0) this.#heardMs = this.#options.clock.nowMs();
      this.#watch(intervalMs, silenceMs);
    });
  }

  #answer(reply: Reply): void {
    if (reply.kind === "error") this.#fail(reply.id, new ServerError(reply.error));
    else this.#settle(reply.id, { ok: true, reply });
  }

  #fail(id: number, error: Error): void {
    this.#settle(id, { ok: false, error });
  }

  #settle(id: number, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.cancelTimer();
    pending.answer(outcome);
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#pending.size > 0) return;
    const run = this.#onIdle;
    this.#onIdle = undefined;
    run?.();
  }

  #end({ code, reason }: Omit<LinkEnd, "wasOpened">): void {
    if (this.#phase === "over") return;
    this.#transport.close(LOCAL_CLOSE, reason);
    this.#finish();
    this.#events.onEnd({ code, reason, wasOpened: this.#wasOpened });
  }

  #finish(): void {
    this.#phase = "over";
    this.#cancelTimer();
    for (const id of Array.from(this.#pending.keys()))
      this.#fail(id, new ConnectionLostError("the connection was lost"));
  }
}

type Numbered = Request & { readonly id: number };

/** The code with which the client closes what it gives up: 1000 would tell the server that it leaves for good. */
const LOCAL_CLOSE = 3000;

function openOptions(connectFrame: Frame, options: LinkOptions): OpenOptions {
  return { ...options, format: options.codec.format, connectFrame };
}
