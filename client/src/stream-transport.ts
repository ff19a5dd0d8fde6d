/** What transports over the response of one request share: how they speak, and how they end. */
import { EmulationPosts } from "./emulation-posts.ts";
import type { EmulatedSession, Frame, OpenOptions, Transport, TransportEvents } from "./transport.ts";

const CLOSED_ABNORMALLY = 1006;

/** How the response is listened to. */
interface Listening {
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
  /** Nothing more comes. */
  readonly onEnd: (reason: string) => void;
}

/** Begins to listen; the answer ends it. */
export type Listen = (options: OpenOptions, listening: Listening) => () => void;

export class StreamTransport implements Transport {
  readonly name: string;
  readonly #events: TransportEvents;
  readonly #posts: EmulationPosts;
  #stop: () => void = () => undefined;
  #isOver = false;

  constructor(name: string, options: OpenOptions, events: TransportEvents, listen: Listen) {
    this.name = name;
    this.#events = events;
    this.#posts = new EmulationPosts({
      endpoint: options.emulationEndpoint ?? emulationBeside(options.endpoint),
      format: options.format,
      headers: options.headers ?? {},
      fetch: options.environment.fetch ?? noFetch,
      onFault: (code, reason) => this.#end(code, reason),
    });
    const onEnd = (reason: string): void => this.#end(CLOSED_ABNORMALLY, reason);
    try {
      this.#stop = listen(options, {
        onOpen: () => this.#isOver || events.onOpen(),
        onFrame: (frame) => this.#isOver || events.onFrame(frame),
        onEnd,
      });
    } catch (error) {
      // A URL that is none, or one that the page's policy forbids.
      queueMicrotask(() => onEnd(String(error)));
    }
  }

  get bufferedAmount(): number {
    return this.#posts.bufferedAmount;
  }

  send(frame: Frame): void {
    if (!this.#isOver) this.#posts.send(frame);
  }

  identify(session: EmulatedSession): void {
    if (!this.#isOver) this.#posts.identify(session);
  }

  close(): void {
    this.#isOver = true;
    this.#posts.close();
    this.#stop();
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#events.onClose({ code, reason, wasClean: false });
  }
}

function emulationBeside(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL("/emulation", endpoint).href : endpoint;
}

function noFetch(): Promise<never> {
  return Promise.reject(new Error("there is no fetch here"));
}
