import assert from "node:assert/strict";
import type { Position } from "@belay/gateway/internal";
import { JSON_CODEC } from "@belay/protocol";
import { Connection, type ConnectionDeps } from "../src/connection/connection.ts";
import type { FrameBatch } from "../src/transport/framing.ts";
import type { Socket } from "../src/transport/socket.ts";
import { WS_TEXT } from "../src/transport/ws-framing.ts";

interface Publication {
  readonly offset: number;
  readonly data: string;
}

interface SubscribeResult {
  readonly epoch?: string;
  readonly offset?: number;
  readonly recovered?: boolean;
  readonly publications?: readonly Publication[];
}

interface Line {
  readonly id?: number;
  readonly error?: { readonly code: number };
  readonly subscribe?: SubscribeResult;
  readonly unsubscribe?: object;
  readonly push?: { readonly pub?: Publication; readonly unsubscribe?: { readonly code: number } };
}

/** Data of every publication ever made, by `epoch:offset`. */
export type Truth = ReadonlyMap<string, string>;

/** How often what was promised was needed. */
export interface RecoveryCounts {
  recovered: number;
  filled: number;
  unrecovered: number;
  told: number;
  pushed: number;
}

/** A socket that hands every line to the client at once. */
class ClientSocket implements Socket {
  readonly transport = "websocket";
  readonly isUnidirectional = false;
  readonly codec = JSON_CODEC;
  readonly framing = WS_TEXT;
  readonly remoteAddress = "";
  readonly headers = {};
  readonly bufferedBytes = 0;
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  send({ wire, payloads }: FrameBatch): void {
    for (const { start, end } of payloads)
      for (const line of wire.toString("utf8", start, end).split("\n")) this.#onLine(line);
  }

  close(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
}

/**
 * A client as the SDKs are: it believes what it is told, remembers its place, and asks to recover from it. It checks what an
 * application would want to be true: after a place comes the next one, with the content that was published there.
 */
export class RecoveringClient {
  readonly #channel: string;
  readonly #truth: Truth;
  readonly #counts: RecoveryCounts;
  #connection: Connection | undefined;
  #state: "none" | "subscribing" | "subscribed" = "none";
  #position: Position | undefined;
  #commands = 0;
  #problem: unknown;

  constructor(channel: string, truth: Truth, counts: RecoveryCounts) {
    this.#channel = channel;
    this.#truth = truth;
    this.#counts = counts;
  }

  get isSubscribed(): boolean {
    return this.#state === "subscribed";
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Throws what was found wrong with a line, inside whichever turn it came. */
  expectNoProblem(): void {
    assert.ifError(this.#problem);
  }

  /** Connects if need be, and subscribes from where it was. */
  resume(deps: ConnectionDeps): void {
    if (this.#state !== "none") return;
    this.#connection ??= this.#connect(deps);
    this.#state = "subscribing";
    this.#send({
      subscribe: {
        channel: this.#channel,
        recoverable: true,
        positioned: true,
        ...(this.#position !== undefined && { recover: true, ...this.#position }),
      },
    });
  }

  unsubscribe(): void {
    if (this.#state === "none") return;
    this.#send({ unsubscribe: { channel: this.#channel } });
  }

  /** The socket is gone; what was on its way is lost. */
  cut(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#state = "none";
    connection?.onClose(1006);
  }

  #connect(deps: ConnectionDeps): Connection {
    const socket = new ClientSocket((line) => {
      if (this.#connection === connection) this.#check(JSON.parse(line) as Line);
    });
    const connection = new Connection({ session: "s", logId: 1 }, socket, deps);
    connection.accept({ user: "u", client: "c" }, { kind: "ping", id: 1 });
    return connection;
  }

  #send(command: object): void {
    const text = JSON.stringify({ id: (this.#commands += 1) + 1, ...command });
    this.#connection?.onMessage(Buffer.from(text), false);
  }

  #check(line: Line): void {
    try {
      this.#onLine(line);
    } catch (error) {
      this.#problem ??= error;
    }
  }

  #onLine({ error, subscribe, unsubscribe, push }: Line): void {
    if (error !== undefined) this.#state = "none";
    else if (subscribe !== undefined) this.#onSubscribed(subscribe);
    else if (unsubscribe !== undefined) this.#state = "none";
    else if (push?.pub !== undefined) this.#onPublication(push.pub);
    else if (push?.unsubscribe !== undefined) this.#onEnded(push.unsubscribe.code);
  }

  #onSubscribed({ epoch = "", offset = 0, recovered, publications = [] }: SubscribeResult): void {
    assert.equal(this.#state, "subscribing");
    this.#state = "subscribed";
    const since = this.#position;
    if (recovered === true) {
      assert(since !== undefined, "recovered without asking");
      this.#counts.recovered += 1;
      this.#counts.filled += publications.length;
      for (const publication of publications) this.#step(publication);
      assert.deepEqual(this.#position, { offset, epoch }, "recovered, but not up to the place in the reply");
      return;
    }
    assert.deepEqual(publications, [], "a partial fill");
    if (since !== undefined) this.#counts.unrecovered += 1;
    this.#position = { offset, epoch };
  }

  #onPublication(publication: Publication): void {
    assert.equal(this.#state, "subscribed", "a push before the reply or after the end");
    this.#counts.pushed += 1;
    this.#step(publication);
  }

  #onEnded(code: number): void {
    assert.equal(this.#state, "subscribed", "the end of a subscription that the client does not know of");
    assert.equal(code, 2500);
    this.#counts.told += 1;
    this.#state = "none";
  }

  #step({ offset, data }: Publication): void {
    const at = this.#position;
    assert(at !== undefined);
    assert.equal(offset, at.offset + 1, `after ${at.epoch}:${at.offset}`);
    assert.equal(data, this.#truth.get(`${at.epoch}:${offset}`), `content of ${at.epoch}:${offset}`);
    this.#position = { offset, epoch: at.epoch };
  }
}
