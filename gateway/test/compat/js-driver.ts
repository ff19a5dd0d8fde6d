import { Centrifuge, type Subscription, type SubscriptionOptions } from "centrifuge";
import { Centrifuge as ProtobufCentrifuge } from "centrifuge/build/protobuf";
import { Agent, EventSource, fetch as undiciFetch } from "undici";
import { WebSocket } from "ws";
import {
  type Arguments,
  type ClientOptions,
  type Sdk,
  SdkCallError,
  type SdkClient,
  type SdkEvent,
  type StreamPosition,
} from "./sdk.ts";

type Transport = "websocket" | "http_stream" | "sse";
type Protocol = "JSON" | "Protobuf";

/** Payloads of the Protobuf build are bytes. */
interface Payloads {
  readonly encode: (data: unknown) => unknown;
  readonly decode: (data: unknown) => unknown;
}

const PAYLOADS: Readonly<Record<Protocol, Payloads>> = {
  JSON: { encode: (data) => data, decode: (data) => data },
  Protobuf: {
    encode: (data) => (data === undefined ? undefined : new TextEncoder().encode(JSON.stringify(data))),
    decode: (data) =>
      data instanceof Uint8Array && data.length > 0
        ? (JSON.parse(new TextDecoder().decode(data)) as unknown)
        : undefined,
  },
};

interface Info {
  readonly client?: string;
  readonly user?: string;
  readonly connInfo?: unknown;
  readonly chanInfo?: unknown;
}

interface Context {
  readonly channel?: string;
  readonly code?: number;
  readonly data?: unknown;
  readonly info?: Info;
  readonly error?: { readonly code: number; readonly message: string };
  readonly [field: string]: unknown;
}

/** Values one after the other, the last one again and again. */
function inTurn<T>(values: readonly T[], tell: () => void): () => Promise<T> {
  let next = 0;
  return () => {
    tell();
    const value = values[Math.min(next, values.length - 1)];
    next += 1;
    return value === undefined ? Promise.reject(new Error("no value")) : Promise.resolve(value);
  };
}

class JsClient implements SdkClient {
  readonly events: SdkEvent[] = [];
  readonly #client: Centrifuge;
  readonly #payloads: Payloads;
  readonly #agent = new Agent();

  constructor(transport: Transport, protocol: Protocol, options: ClientOptions) {
    this.#payloads = PAYLOADS[protocol];
    // Two builds of one class, whose private fields keep their types apart.
    const Client = protocol === "JSON" ? Centrifuge : (ProtobufCentrifuge as unknown as typeof Centrifuge);
    const { httpUrl, token, tokens, headers, data, timeoutMs } = options;
    const base = transport === "websocket" ? httpUrl.replace("http", "ws") : httpUrl;
    this.#client = new Client([{ transport, endpoint: `${base}/connection/${transport}` }], {
      websocket: WebSocket,
      eventsource: EventSource,
      fetch: (url: string, init: object) => undiciFetch(url, { ...init, dispatcher: this.#agent }),
      readableStream: ReadableStream,
      emulationEndpoint: `${httpUrl}/emulation`,
      minReconnectDelay: 50,
      maxReconnectDelay: 200,
      timeout: timeoutMs,
      ...(token !== undefined && { token }),
      ...(tokens !== undefined && { getToken: inTurn(tokens, () => this.#emit("getToken", {})) }),
      ...(headers !== undefined && { headers: { ...headers } }),
      ...(data !== undefined && { data: this.#payloads.encode(data) }),
    });
    this.#listen();
  }

  call(op: string, args: Arguments): Promise<unknown> {
    return Promise.resolve()
      .then(() => this.#run(op, args))
      .catch((error: unknown) => {
        const { code, message } = error as { code?: number; message?: string };
        throw new SdkCallError(op, message ?? String(error), code);
      });
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await this.#agent.destroy();
  }

  #listen(): void {
    const own = ["connecting", "connected", "disconnected", "message", "error"] as const;
    for (const kind of own) this.#client.on(kind, (context: object) => this.#emit(kind, context));
    const ofChannels = ["subscribed", "subscribing", "unsubscribed", "publication", "join", "leave"] as const;
    for (const kind of ofChannels) {
      const name = `server${kind[0]?.toUpperCase() ?? ""}${kind.slice(1)}`;
      this.#client.on(kind, (context: object) => this.#emit(name, context));
    }
  }

  #emit(kind: string, context: object): void {
    const { data, info, error, streamPosition, ...rest } = context as Context;
    this.events.push({
      ...rest,
      kind,
      data: this.#payloads.decode(data),
      ...(info !== undefined && { info: this.#infoOf(info), user: info.user }),
      ...(error !== undefined && { code: error.code, message: error.message }),
      ...(streamPosition !== undefined && { position: streamPosition }),
    });
  }

  #infoOf(info: Info): Info {
    const { decode } = this.#payloads;
    return { ...info, connInfo: decode(info.connInfo), chanInfo: decode(info.chanInfo) };
  }

  async #run(op: string, args: Arguments): Promise<unknown> {
    const client = this.#client;
    const channel = String(args["channel"]);
    if (op === "connect") client.connect();
    else if (op === "disconnect") client.disconnect();
    else if (op === "subscribe") this.#subscribe(channel, args);
    else if (op === "unsubscribe") client.getSubscription(channel)?.unsubscribe();
    else if (op === "resubscribe") client.getSubscription(channel)?.subscribe();
    else if (op === "startBatching") client.startBatching();
    else if (op === "stopBatching") client.stopBatching();
    else return this.#ask(op, channel, args);
    return undefined;
  }

  async #ask(op: string, channel: string, args: Arguments): Promise<unknown> {
    const client = this.#client;
    const { encode, decode } = this.#payloads;
    switch (op) {
      case "publish":
        return client.publish(channel, encode(args["data"]));
      case "send":
        return client.send(encode(args["data"]));
      case "rpc":
        return decode((await client.rpc(String(args["method"]), encode(args["data"]))).data);
      case "deltaStatistics":
        return client.getSubscription(channel)?.deltaStats();
      case "presenceStats":
        return client.presenceStats(channel);
      case "presence": {
        const { clients } = await client.presence(channel);
        return Object.fromEntries(Object.entries(clients).map(([id, info]) => [id, this.#infoOf(info)]));
      }
      case "history": {
        const result = await client.history(channel, args);
        const publications = result.publications.map((one) => ({ ...one, data: decode(one.data) }));
        return { ...result, publications };
      }
      default:
        throw new Error(`no operation ${op}`);
    }
  }

  #subscribe(channel: string, { tokens, states, ...args }: Arguments): void {
    const options: SubscriptionOptions = {
      ...(args as SubscriptionOptions),
      minResubscribeDelay: 50,
      maxResubscribeDelay: 200,
      ...(args["data"] !== undefined && { data: this.#payloads.encode(args["data"]) }),
      ...(tokens !== undefined && {
        getToken: inTurn(tokens as readonly string[], () => this.#emit("getSubscriptionToken", { channel })),
      }),
      ...(states !== undefined && {
        getState: inTurn(states as readonly StreamPosition[], () => this.#emit("getState", { channel })),
      }),
    };
    const subscription: Subscription = this.#client.newSubscription(channel, options);
    const kinds = ["subscribed", "subscribing", "unsubscribed", "publication", "join", "leave"] as const;
    for (const kind of kinds) subscription.on(kind, (context: object) => this.#emit(kind, context));
    subscription.on("error", (context) => this.#emit("subscriptionError", context));
    subscription.subscribe();
  }
}

/** centrifuge-js over one transport, in one of the two forms of the protocol. */
export function jsSdk(version: string, transport: Transport, protocol: Protocol): Sdk {
  return {
    name: `centrifuge ${version} · ${transport}, ${protocol}`,
    lacks: new Set(),
    open: (options) => Promise.resolve(new JsClient(transport, protocol, options)),
  };
}
