import { Centrifuge } from "centrifuge";
import { Agent, EventSource, fetch } from "undici";

type StreamTransport = "sse" | "http_stream";

/** POSTs of SDK clients, each on a TCP connection of its own, so that a Service sends it wherever it likes; and how they ended. */
export class EmulationPosts {
  /** Status → how often. */
  readonly statuses: Map<number, number> = new Map();
  readonly #bodies: string[] = [];
  readonly #agent = new Agent({ pipelining: 0 });
  readonly #url: string;

  /** @param httpUrl of the Service, without a path. */
  constructor(httpUrl: string) {
    this.#url = httpUrl;
  }

  get count(): number {
    return this.#bodies.length;
  }

  /** Nodes that own the streams. */
  get nodes(): ReadonlySet<string> {
    return new Set(this.#bodies.map((body) => (JSON.parse(body) as { node: string }).node));
  }

  /** An unmodified SDK client whose POSTs are seen here. */
  client(transport: StreamTransport): Centrifuge {
    return new Centrifuge([{ transport, endpoint: `${this.#url}/connection/${transport}` }], {
      emulationEndpoint: `${this.#url}/emulation`,
      eventsource: EventSource,
      fetch: this.#fetch,
      readableStream: ReadableStream,
      timeout: 20_000,
    });
  }

  /** Sends a pong to every session there ever was; how each ended. */
  async replay(): Promise<ReadonlyMap<number, number>> {
    const addresses = new Set(
      this.#bodies.map((body) => JSON.stringify({ ...(JSON.parse(body) as object), data: "{}" })),
    );
    const ended = new Map<number, number>();
    for (const body of addresses) {
      const { status } = await fetch(`${this.#url}/emulation`, { method: "POST", body, dispatcher: this.#agent });
      ended.set(status, (ended.get(status) ?? 0) + 1);
    }
    return ended;
  }

  readonly #fetch = async (url: string, init: { readonly body: string }): Promise<unknown> => {
    const response = await fetch(url, { ...init, dispatcher: this.#agent });
    if (url.endsWith("/emulation")) {
      this.statuses.set(response.status, (this.statuses.get(response.status) ?? 0) + 1);
      this.#bodies.push(init.body);
    }
    return response;
  };
}
