import { callApi, eventually, type GatewayAccess, TcpProxy } from "@belay/testkit";
import { SignJWT } from "jose";
import type { Meeting } from "./meeting.ts";
import type { Arguments, ClientOptions, Sdk, SdkClient, SdkEvent } from "./sdk.ts";

/** Enough for a loaded machine; nothing waits this long where things work. */
const WITHIN_MS = 30_000;

/** Where scenarios happen: nodes of one cluster, the first of which takes calls of the server API. */
export interface Place {
  readonly gateway: GatewayAccess;
  /** Of what stands before all nodes. */
  readonly port: number;
  /** From now on the namespace `changing` keeps a history. */
  readonly change: () => Promise<void>;
}

/** A client in a scenario, with what one waits for. */
export class Actor {
  readonly #client: SdkClient;
  /** Calls go to the SDK as they are. */
  readonly call: (op: string, args?: Arguments) => Promise<unknown>;

  constructor(client: SdkClient) {
    this.#client = client;
    this.call = (op, args = {}) => client.call(op, args);
  }

  all(kind: string, channel?: string): readonly SdkEvent[] {
    return this.#client.events.filter(
      (event) => event.kind === kind && (channel === undefined || event.channel === channel),
    );
  }

  /** Resolves to the `count`th event of a kind. */
  async event(kind: string, channel?: string, count = 1): Promise<SdkEvent> {
    try {
      return await eventually(`${kind} ${count}`, WITHIN_MS, () => this.all(kind, channel)[count - 1]);
    } catch (error) {
      throw new Error(`no ${kind} ${count} ${channel ?? ""}; seen: ${JSON.stringify(this.#client.events.slice(-12))}`, {
        cause: error,
      });
    }
  }

  /** Payloads of a channel so far. */
  payloads(channel: string, kind = "publication"): readonly unknown[] {
    return this.all(kind, channel).map(({ data }) => data);
  }

  /** Resolves to the payloads once there are `count`. */
  async got(channel: string, count: number, kind = "publication"): Promise<readonly unknown[]> {
    if (count > 0) await this.event(kind, channel, count);
    return this.payloads(channel, kind);
  }

  async connected(): Promise<SdkEvent> {
    await this.call("connect");
    return this.event("connected");
  }

  async subscribed(channel: string, options: Arguments = {}): Promise<SdkEvent> {
    await this.call("subscribe", { channel, ...options });
    return this.event("subscribed", channel);
  }

  async publish(channel: string, ...payloads: readonly unknown[]): Promise<void> {
    for (const data of payloads) await this.call("publish", { channel, data });
  }

  /** The code with which a call is refused; undefined where it is not. */
  async refusal(op: string, args: Arguments): Promise<number | undefined> {
    try {
      await this.call(op, args);
      return undefined;
    } catch (error) {
      return (error as { code?: number }).code;
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

let stages = 0;

/** One scenario with one SDK: names of its own, a line to the server that can be cut, and the server's side of things. */
export class Stage {
  readonly #place: Place;
  readonly #sdk: Sdk;
  readonly #line: TcpProxy;
  readonly #meeting: Meeting;
  readonly #actors: Actor[] = [];
  readonly #id: number;

  private constructor(place: Place, sdk: Sdk, line: TcpProxy, meeting: Meeting) {
    this.#place = place;
    this.#sdk = sdk;
    this.#line = line;
    this.#meeting = meeting;
    this.#id = stages += 1;
  }

  static async set(place: Place, sdk: Sdk, meeting: Meeting): Promise<Stage> {
    return new Stage(place, sdk, await TcpProxy.start(place.port), meeting);
  }

  /** Waits for the clients of the other SDKs, and for what the scenario does once for all of them. */
  everybodyIsHere(): Promise<void> {
    return this.#meeting.arrive();
  }

  has(feature: Parameters<Sdk["lacks"]["has"]>[0]): boolean {
    return !this.#sdk.lacks.has(feature);
  }

  /** A channel that only this scenario uses. */
  channel(namespace: string, more = ""): string {
    return `${namespace}:s${this.#id}${more}`;
  }

  user(name: string): string {
    return `${name}${this.#id}`;
  }

  token(name: string, claims: Arguments = {}, seconds = 600): Promise<string> {
    return new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256" })
      .setSubject(this.user(name))
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(new TextEncoder().encode(this.#place.gateway.hmacSecret));
  }

  /** A client that is not connected yet. */
  async client(options: Partial<ClientOptions> = {}): Promise<Actor> {
    const httpUrl = `http://127.0.0.1:${this.#line.port}`;
    const actor = new Actor(await this.#sdk.open({ httpUrl, timeoutMs: WITHIN_MS, ...options }));
    this.#actors.push(actor);
    return actor;
  }

  /** A connected client, of a user where one is named. */
  async guest(name?: string): Promise<Actor> {
    const actor = await this.client(name === undefined ? {} : { token: await this.token(name) });
    await actor.connected();
    return actor;
  }

  /** Calls the server API; rejects where it answers with an error. */
  async api(method: string, body: Arguments): Promise<unknown> {
    const answer = (await callApi(this.#place.gateway, method, body)) as { result?: unknown; error?: unknown };
    if (answer.error !== undefined) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  async publish(channel: string, ...payloads: readonly unknown[]): Promise<void> {
    for (const data of payloads) await this.api("publish", { channel, data });
  }

  /** Ends every connection; none is let through before `mend`. */
  cut(): void {
    this.#line.cut();
  }

  mend(): void {
    this.#line.mend();
  }

  async clear(): Promise<void> {
    await Promise.allSettled(this.#actors.map((actor) => actor.close()));
    await this.#line[Symbol.asyncDispose]().catch(() => undefined);
  }
}
