import assert from "node:assert/strict";
import type { Broker, BrokerPublication, Position } from "@belay/gateway/internal";
import { fc } from "@fast-check/vitest";
import { compileNamespaces } from "../src/channels/compile-namespaces.ts";
import type { ChannelTable } from "../src/channels/namespace.ts";
import type { Clock } from "../src/clock.ts";
import { type Config, parseConfig } from "../src/config.ts";
import type { ConnectionDeps } from "../src/connection/connection.ts";
import { FlushLoop } from "../src/connection/flush.ts";
import { TimerWheel } from "../src/connection/timer-wheel.ts";
import { handle } from "../src/handlers/index.ts";
import type { ClientConnection, Services } from "../src/handlers/services.ts";
import { NO_HOOKS } from "../src/hooks/no-hooks.ts";
import { Hub } from "../src/hub/hub.ts";
import { Subscriptions } from "../src/hub/subscriptions.ts";
import { PresenceKeeper } from "../src/presence/presence-keeper.ts";
import { MemoryRegistry } from "../src/registry/memory-registry.ts";
import { type CoreBroker, FaultyBroker } from "./faulty-broker.ts";
import { RecoveringClient, type RecoveryCounts } from "./recovering-client.ts";

const CLIENTS = 3;
const HISTORY = { size: 6, ttlMs: 3_600_000 };

/** The real broker, and what a test does to it. */
export interface RecoveryMedium {
  readonly broker: Broker;
  /** Resolves when the real broker has delivered the publication. */
  heard(channel: string, position: Position): Promise<BrokerPublication>;
  loseEpoch(channel: string): Promise<void>;
}

const PLAIN_STEPS = [
  "deliverAll",
  "deliverAgain",
  "swap",
  "drop",
  "cut",
  "deafen",
  "restore",
  "restore",
  "hold",
  "letThrough",
  "answerLast",
  "failOne",
] as const;
const RARE_STEPS = ["publishUnstored", "trim", "loseEpoch"] as const;
export type RecoveryStep =
  | { readonly kind: "publish" | "deliver" | "answer" | (typeof PLAIN_STEPS | typeof RARE_STEPS)[number] }
  | { readonly kind: "resume" | "cutClient" | "unsubscribe"; readonly client: number };

const client = fc.nat(CLIENTS - 1);
export const recoverySteps: fc.Arbitrary<readonly RecoveryStep[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("publish" as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("answer" as const) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("resume" as const), client }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constantFrom("cutClient" as const, "unsubscribe" as const), client }),
    },
    { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom(...PLAIN_STEPS) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom(...RARE_STEPS) }) },
  ),
  { minLength: 8, maxLength: 48 },
);

/** Time stands still; the flush loop then sends at the end of every turn. */
const stillClock: Clock = { nowMs: () => 0, date: () => new Date(0) };

/** What the node of every run is configured to. */
export interface RecoverySettings {
  readonly config: Config;
  readonly table: ChannelTable;
}

/** Channels with a short history and presence, so that there is something to wait for between the history and the reply. */
export async function recoverySettings(): Promise<RecoverySettings> {
  const history = { size: HISTORY.size, ttlSeconds: HISTORY.ttlMs / 1_000 };
  const parsed = parseConfig(JSON.stringify({ channels: { unprefixed: { history, presence: true } } }));
  assert(parsed.ok, "a configuration of defaults");
  const compiled = await compileNamespaces(parsed.config.channels);
  assert(compiled.ok, "a table of defaults");
  return { config: parsed.config, table: compiled.table };
}

export interface RunOptions {
  readonly channel: string;
  readonly counts: RecoveryCounts;
}

/** One channel, one node with the gateway's own connections, hub and handlers, and a few clients. */
export class RecoveryRun {
  readonly #medium: RecoveryMedium;
  readonly #channel: string;
  readonly #truth = new Map<string, string>();
  readonly #faulty: FaultyBroker;
  readonly #deps: ConnectionDeps;
  readonly #clients: readonly RecoveringClient[];
  #published = 0;
  /** A publication, or the epoch, was lost without anybody knowing: it shows with the next publication only. */
  #hasSilentLoss = false;

  constructor(medium: RecoveryMedium, settings: RecoverySettings, { channel, counts }: RunOptions) {
    this.#medium = medium;
    this.#channel = channel;
    const hub = new Hub<ClientConnection>({
      readHistory: (request) => this.#faulty.history(request),
      showsOffset: () => true,
      makeDelta: (_from, to) => to,
      clock: stillClock,
      observer: { onDuplicate: () => undefined, onGap: () => undefined, onPositionChecked: () => undefined },
      later: (work) => void setImmediate(work),
    });
    this.#faulty = new FaultyBroker(medium.broker, {
      onPublication: (publication) => hub.deliver(publication),
      onConnected: (connected) => void (connected && hub.verifyPositions()),
    });
    this.#deps = depsOf(hub, this.#faulty, settings);
    this.#clients = Array.from({ length: CLIENTS }, () => new RecoveringClient(channel, this.#truth, counts));
  }

  async take(step: RecoveryStep): Promise<void> {
    if ("client" in step) this.#takeClient(step.kind, this.#clients[step.client]);
    else await this.#takePlain(step.kind);
    await this.#rest();
    for (const each of this.#clients) each.expectNoProblem();
  }

  /** Lets everything come to rest: then whoever is subscribed has everything. */
  async settle(): Promise<void> {
    this.#faulty.restore();
    await this.#quiesce();
    if (!this.#hasSilentLoss) await this.#expectEverybodyAtTop();
    await this.#publish(true);
    await this.#quiesce();
    await this.#expectEverybodyAtTop();
    for (const each of this.#clients) {
      each.expectNoProblem();
      each.cut();
    }
  }

  #takeClient(kind: "resume" | "cutClient" | "unsubscribe", target: RecoveringClient | undefined): void {
    if (kind === "resume") target?.resume(this.#deps);
    else if (kind === "cutClient") target?.cut();
    else target?.unsubscribe();
  }

  async #takePlain(kind: Exclude<RecoveryStep, { readonly client: number }>["kind"]): Promise<void> {
    const faulty = this.#faulty;
    const steps: Readonly<Record<typeof kind, () => unknown>> = {
      publish: () => this.#publish(true),
      publishUnstored: () => this.#publish(false),
      deliver: () => faulty.deliver(),
      deliverAll: () => this.#deliverAll(),
      deliverAgain: () => faulty.deliverAgain(),
      swap: () => faulty.swap(),
      drop: () => void (this.#hasSilentLoss ||= faulty.wire.shift() !== undefined),
      cut: () => faulty.cut("whole"),
      deafen: () => faulty.cut("deaf"),
      restore: () => this.#restore(),
      hold: () => {
        faulty.holdsAnswers = true;
        faulty.readsEarly = !faulty.readsEarly;
      },
      letThrough: () => void (faulty.holdsAnswers = false),
      answer: () => faulty.waiting.shift()?.answer(),
      answerLast: () => faulty.waiting.pop()?.answer(),
      failOne: () => faulty.waiting.shift()?.fail(),
      trim: () => this.#medium.broker.removeHistory(this.#channel),
      loseEpoch: () => {
        this.#hasSilentLoss = true;
        return this.#medium.loseEpoch(this.#channel);
      },
    };
    await steps[kind]();
  }

  async #publish(isStored: boolean): Promise<void> {
    const text = `"m${(this.#published += 1)}"`;
    const { position } = await this.#medium.broker.publish({
      channel: this.#channel,
      data: Buffer.from(text),
      ...(isStored && { history: HISTORY }),
    });
    this.#truth.set(`${position.epoch}:${position.offset}`, JSON.parse(text) as string);
    this.#faulty.arrive(await this.#medium.heard(this.#channel, position));
  }

  #deliverAll(): void {
    while (this.#faulty.wire.length > 0) this.#faulty.deliver();
  }

  #restore(): void {
    // The node looks itself after an interruption, so that a loss before it is no longer silent.
    if (!this.#faulty.connected) this.#hasSilentLoss = false;
    this.#faulty.restore();
  }

  async #quiesce(): Promise<void> {
    const faulty = this.#faulty;
    faulty.holdsAnswers = false;
    do {
      for (const call of faulty.waiting.splice(0)) await call.answer();
      this.#deliverAll();
      await this.#rest();
    } while (faulty.waiting.length > 0 || faulty.wire.length > 0);
  }

  /** Until the node has done all it can do now. */
  async #rest(): Promise<void> {
    const faulty = this.#faulty;
    let seen = -1;
    // What the last answer sets off is queued in its turn and sent in the next.
    while (seen !== faulty.answered || faulty.asked > faulty.answered) {
      seen = faulty.answered;
      await turn();
    }
  }

  /** Those who are not subscribed come back; then everybody is where the channel is, in its epoch. */
  async #expectEverybodyAtTop(): Promise<void> {
    for (const each of this.#clients) each.expectNoProblem();
    for (const each of this.#clients) if (each.position !== undefined) each.resume(this.#deps);
    await this.#quiesce();
    const { position } = await this.#medium.broker.history({ channel: this.#channel, limit: 0 });
    for (const each of this.#clients) {
      if (each.position === undefined) continue;
      assert(each.isSubscribed, "a client could not come back");
      assert.deepEqual(each.position, position, "a hole that nobody was told of");
    }
  }
}

function depsOf(hub: Hub<ClientConnection>, broker: CoreBroker, { config, table }: RecoverySettings): ConnectionDeps {
  const log = { info: () => undefined, warn: () => undefined, error: failOnFault, debug: () => undefined };
  // Only what subscribing needs.
  const services = {
    clock: stillClock,
    log,
    settings: { current: { config } },
    broker,
    registry: new MemoryRegistry({ podUid: "n", revision: "r" }),
    hub,
    admission: { add: () => undefined, remove: () => undefined },
    userQuota: { take: () => true },
    subscriptions: new Subscriptions(broker),
    presence: new PresenceKeeper(broker as Broker, log),
    channels: () => table,
    hooks: NO_HOOKS,
  } as unknown as Services;
  return {
    services,
    handle,
    flushLoop: new FlushLoop(stillClock, 1 << 20),
    wheel: new TimerWheel(stillClock, 100),
    random: () => 0,
    outboxCounters: { lines: 0, writes: 0, bytes: 0, leftOut: 0 },
    observer: {
      onCommand: () => undefined,
      onLimited: () => undefined,
      onRefusal: (rule) => assert.fail(`refused by ${rule}`),
      onClosing: () => undefined,
      onClosed: () => undefined,
    },
  };
}

function failOnFault(fields: object): void {
  assert.fail(
    `a command failed: ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))}`,
  );
}

/** Two turns of the event loop: what was queued in the first is sent in the second. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(() => setImmediate(resolve))));
}
