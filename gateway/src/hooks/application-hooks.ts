import { ERROR } from "@belay/protocol";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { BreakerState } from "./breaker.ts";
import { decodeAnswer, type HookResults } from "./hook-answer.ts";
import { passedHeaders } from "./hook-headers.ts";
import { type HookBounds, HookLine, type LineFailure, type LineOutcome } from "./hook-line.ts";
import {
  clientBody,
  connectBody,
  type HookEncoding,
  publishBody,
  rpcBody,
  subRefreshBody,
  subscribeBody,
} from "./hook-request.ts";
import type { HookTransport } from "./hook-transport.ts";
import {
  type ConnectRequest,
  HOOK_NAMES,
  type HookAnswer,
  type HookClient,
  type HookName,
  type Hooks,
  type PublishRequest,
  type RpcRequest,
  type SubscribeRequest,
} from "./hooks.ts";

/** What a person sets of a hook. */
export interface HookPolicy {
  /** Whom it asks: another one begins with a breaker of its own. */
  readonly target: string;
  readonly timeoutMs: number;
  readonly maxRunning: number;
  readonly maxWaiting: number;
  /** Lower case. */
  readonly headers: readonly string[];
  readonly encoding: HookEncoding;
}

type HookOutcome = "ok" | "refused" | LineFailure;

export interface HookObserver {
  onAnswered(hook: HookName, outcome: HookOutcome, seconds: number): void;
}

export interface ApplicationHooksOptions {
  readonly transport: HookTransport;
  /** Of the current settings; read at each request. */
  readonly policyOf: (hook: HookName) => HookPolicy | undefined;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Pick<Logger, "warn">;
  readonly observer: HookObserver;
}

/** Asking again does no harm: nothing is made by the answer. */
const REPEATABLE: ReadonlySet<HookName> = new Set(["connect", "refresh", "subscribe", "subRefresh"]);
/** Quiet time between two lines about one hook, milliseconds. */
const QUIET_MS = 10_000;

interface Line {
  readonly key: string;
  readonly line: HookLine;
}

/** Asks the application and reads what it says. */
export class ApplicationHooks implements Hooks {
  readonly has: Hooks["has"];
  readonly #options: ApplicationHooksOptions;
  readonly #lines = new Map<HookName, Line>();
  readonly #loggedMs = new Map<HookName, number>();

  constructor(options: ApplicationHooksOptions) {
    this.#options = options;
    const { transport } = options;
    this.has = {
      get connect() {
        return transport.has("connect");
      },
      get refresh() {
        return transport.has("refresh");
      },
      get subscribe() {
        return transport.has("subscribe");
      },
      get subRefresh() {
        return transport.has("subRefresh");
      },
      get publish() {
        return transport.has("publish");
      },
      get rpc() {
        return transport.has("rpc");
      },
    };
  }

  /** Of every configured hook. */
  get breakers(): readonly { readonly hook: HookName; readonly state: BreakerState["state"] }[] {
    return HOOK_NAMES.filter((hook) => this.has[hook]).map((hook) => ({
      hook,
      state: this.#lines.get(hook)?.line.breaker ?? "closed",
    }));
  }

  connect(request: ConnectRequest): Promise<HookAnswer<HookResults["connect"]>> {
    return this.#ask("connect", request, (encoding) => connectBody(request, encoding));
  }

  refresh(client: HookClient): Promise<HookAnswer<HookResults["refresh"]>> {
    return this.#ask("refresh", client, (encoding) => clientBody(client, encoding));
  }

  subscribe(request: SubscribeRequest): Promise<HookAnswer<HookResults["subscribe"]>> {
    return this.#ask("subscribe", request.client, (encoding) => subscribeBody(request, encoding));
  }

  subRefresh(client: HookClient, channel: string): Promise<HookAnswer<HookResults["subRefresh"]>> {
    return this.#ask("subRefresh", client, (encoding) => subRefreshBody(client, channel, encoding));
  }

  publish(request: PublishRequest): Promise<HookAnswer<HookResults["publish"]>> {
    return this.#ask("publish", request.client, (encoding) => publishBody(request, encoding));
  }

  rpc(request: RpcRequest): Promise<HookAnswer<HookResults["rpc"]>> {
    return this.#ask("rpc", request.client, (encoding) => rpcBody(request, encoding));
  }

  close(): void {
    this.#options.transport.close();
  }

  async #ask<N extends HookName>(
    hook: N,
    { protocol, headers: all }: Pick<HookClient, "protocol" | "headers">,
    bodyOf: (encoding: HookEncoding) => string,
  ): Promise<HookAnswer<HookResults[N]>> {
    const { transport, policyOf, clock } = this.#options;
    const policy = policyOf(hook);
    if (policy === undefined) return { ok: false, error: ERROR.notAvailable };
    const beganMs = clock.nowMs();
    const request = { body: bodyOf(policy.encoding), headers: passedHeaders(all, policy.headers) };
    const outcome = await this.#lineOf(hook, policy).ask(
      (signal) => transport.post(hook, { ...request, signal }),
      (text) => decodeAnswer(hook, text, protocol),
    );
    this.#note(hook, outcome, (clock.nowMs() - beganMs) / 1000);
    return outcome.ok ? outcome.value : { ok: false, error: ERROR.internal };
  }

  #lineOf(hook: HookName, { target, timeoutMs, maxRunning, maxWaiting }: HookPolicy): HookLine {
    const key = JSON.stringify([target, timeoutMs, maxRunning, maxWaiting]);
    const known = this.#lines.get(hook);
    if (known?.key === key) return known.line;
    const bounds: HookBounds = { timeoutMs, maxRunning, maxWaiting, isRepeatable: REPEATABLE.has(hook) };
    const line = new HookLine({
      bounds,
      clock: this.#options.clock,
      onBreaker: (state) => this.#options.log.warn({ hook, state }, "breaker of a hook changed"),
    });
    this.#lines.set(hook, { key, line });
    return line;
  }

  #note<T>(hook: HookName, outcome: LineOutcome<HookAnswer<T>>, seconds: number): void {
    const { observer, clock, log } = this.#options;
    const name = outcome.ok ? (outcome.value.ok ? "ok" : "refused") : outcome.failure;
    observer.onAnswered(hook, name, seconds);
    if (outcome.ok) return;
    const nowMs = clock.nowMs();
    if (nowMs - (this.#loggedMs.get(hook) ?? -QUIET_MS) < QUIET_MS) return;
    this.#loggedMs.set(hook, nowMs);
    log.warn({ hook, failure: outcome.failure, detail: outcome.detail }, "a hook was not answered");
  }
}
