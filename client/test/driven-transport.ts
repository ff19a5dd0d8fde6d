import { eventually, type GatewayAccess } from "@belay/testkit";
import type { ClientCodec } from "../src/codec.ts";
import type { Command, Reply, ServerMessage } from "../src/messages.ts";
import type { Environment, Transport, TransportClose, TransportFactory } from "../src/transport.ts";

const WITHIN_MS = 20_000;

const PATHS: Readonly<Record<string, string>> = {
  websocket: "/connection/websocket",
  http_stream: "/connection/http_stream",
  sse: "/connection/sse",
};

export interface Driving {
  readonly factory: TransportFactory;
  readonly codec: ClientCodec;
  readonly environment?: Environment;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Where a transport finds a gateway. */
export function endpointOf(
  { httpUrl, url }: Pick<GatewayAccess, "httpUrl" | "url">,
  { name }: TransportFactory,
): string {
  return name === "websocket" ? url : `${httpUrl}${PATHS[name] ?? ""}`;
}

/** A transport by hand: what a client's core does with it, and all that came. */
export class DrivenTransport implements Disposable {
  readonly received: ServerMessage[] = [];
  readonly closes: TransportClose[] = [];
  opens = 0;
  /** Frames that came before `onOpen`, or after the end. */
  strayFrames = 0;
  readonly #transport: Transport;
  readonly #codec: ClientCodec;
  #nextId = 1;
  #isInside = true;

  constructor(endpoint: string, { factory, codec, environment = globalThis, headers }: Driving, connect: object = {}) {
    this.#codec = codec;
    this.#transport = factory.open(
      {
        endpoint,
        format: codec.format,
        connectFrame: codec.encode([{ kind: "connect", id: 1, ...connect }]),
        environment,
        ...(headers !== undefined && { headers }),
      },
      {
        onOpen: () => {
          this.#expectOutside();
          this.opens += 1;
        },
        onFrame: (frame) => {
          this.#expectOutside();
          if (this.opens === 0 || this.closes.length > 0) this.strayFrames += 1;
          const decoded = codec.decode(frame);
          if (!decoded.ok) throw new Error(decoded.problem);
          this.received.push(...decoded.messages);
        },
        onClose: (close) => {
          this.#expectOutside();
          this.closes.push(close);
        },
      },
    );
    this.#isInside = false;
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** Waits for the connect reply and tells the transport what it said. */
  async connected(): Promise<this> {
    const reply = await this.reply(1);
    if (reply.kind !== "connect") throw new Error(JSON.stringify(reply));
    const { session = "", node = "" } = reply.result;
    this.#isInside = true;
    this.#transport.identify({ session, node });
    this.#isInside = false;
    return this;
  }

  send(...commands: readonly Command[]): void {
    this.#isInside = true;
    this.#transport.send(this.#codec.encode(commands));
    this.#isInside = false;
  }

  nextId(): number {
    return (this.#nextId += 1);
  }

  async reply(id: number): Promise<Reply> {
    const found = (): Reply | undefined =>
      this.received.find((message): message is Reply => message.type === "reply" && message.id === id);
    await eventually(`reply ${id}`, WITHIN_MS, () => found() !== undefined);
    const reply = found();
    if (reply === undefined) throw new Error(`no reply ${id}`);
    return reply;
  }

  /** Data of the publications so far. */
  get publications(): readonly unknown[] {
    return this.received.flatMap((message) =>
      message.type === "push" && message.kind === "publication" ? [message.publication.data] : [],
    );
  }

  close(): void {
    this.#isInside = true;
    this.#transport.close(1000, "");
    this.#isInside = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #expectOutside(): void {
    if (this.#isInside) throw new Error("an event inside of a call");
  }
}
