import { type Received, TestClient } from "@belay/testkit";

/** A place in a channel, as the wire tells it. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
}

interface Granted {
  readonly session: string;
  readonly secret: string;
  readonly resumeMs: number;
  readonly moved?: Readonly<Record<string, Place>>;
}

interface Goaway {
  readonly session: string;
  readonly secret: string;
}

/** A client that asks for handover and speaks it by hand. */
export class MovingClient {
  readonly wire: TestClient;
  readonly reply: Received;
  /** Places of its subscriptions when they began, by channel. */
  readonly #begun = new Map<string, Place>();

  private constructor(wire: TestClient, reply: Received) {
    this.wire = wire;
    this.reply = reply;
    const places = { ...this.connected.subs, ...this.granted?.moved };
    for (const [channel, { epoch, offset }] of Object.entries(places)) this.#begun.set(channel, { epoch, offset });
  }

  static async connect(
    url: string,
    { token, continued, inbox }: { readonly token?: string; readonly continued?: object; readonly inbox?: object } = {},
  ): Promise<MovingClient> {
    const wire = await TestClient.open(url);
    const belay = { handover: continued ?? {}, ...(inbox !== undefined && { inbox }) };
    const reply = await wire.call({ connect: { ...(token !== undefined && { token }), belay } });
    return new MovingClient(wire, reply);
  }

  /** Where `from` stands, with the secret it was given at connect or by a goaway. */
  static continue(
    url: string,
    from: MovingClient,
    { secret, token, inbox }: { readonly secret?: Goaway; readonly token?: string; readonly inbox?: object } = {},
  ): Promise<MovingClient> {
    const { session, secret: known } = secret ?? from.granted ?? { session: "", secret: "" };
    const continued = { session, secret: known, positions: from.positions };
    return MovingClient.connect(url, {
      continued,
      ...(token !== undefined && { token }),
      ...(inbox !== undefined && { inbox }),
    });
  }

  get connected(): {
    readonly client?: string;
    readonly ttl?: number;
    readonly subs?: Readonly<Record<string, Place>>;
    readonly belay?: { readonly handover?: Granted; readonly inbox?: Place };
  } {
    return this.reply.connect ?? {};
  }

  get client(): string {
    return this.connected.client ?? "";
  }

  get granted(): Granted | undefined {
    return this.connected.belay?.handover;
  }

  async subscribe(channel: string, options: object = {}): Promise<Received> {
    const reply = await this.wire.call({ subscribe: { channel, ...options } });
    const { epoch = "", offset = 0 } = (reply["subscribe"] ?? {}) as Partial<Place>;
    this.#begun.set(channel, { epoch, offset });
    return reply;
  }

  /** Offsets and data of a channel as they came. */
  publications(channel: string): readonly { readonly offset: number; readonly data: unknown }[] {
    return this.wire.received.flatMap(({ push }) => {
      const { pub } = push ?? {};
      const { offset = 0 } = (pub ?? {}) as { readonly offset?: number };
      return push?.channel === channel && pub !== undefined ? [{ offset, data: pub.data }] : [];
    });
  }

  get positions(): Readonly<Record<string, Place>> {
    return Object.fromEntries(
      [...this.#begun].map(([channel, { epoch, offset }]) => {
        const last = this.publications(channel).at(-1)?.offset ?? offset;
        return [channel, { epoch, offset: Math.max(last, offset) }];
      }),
    );
  }

  async goaway(withinMs = 10_000): Promise<Goaway> {
    const found = await this.wire.waitFor("goaway", (message) => goawayOf(message) !== undefined, withinMs);
    return goawayOf(found) ?? { session: "", secret: "" };
  }

  rpc(method: string, data: unknown = {}): Promise<Received> {
    return this.wire.call({ rpc: { method, data } });
  }
}

function goawayOf({ push }: Received): Goaway | undefined {
  return (push as { readonly belay?: { readonly goaway?: Goaway } } | undefined)?.belay?.goaway;
}
