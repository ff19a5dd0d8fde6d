import type { CancelTimer } from "./clock.ts";
import type { Connector } from "./connector.ts";
import { ConnectionLostError } from "./errors.ts";
import { jsonPayload } from "./json-payload.ts";
import type { Link, Outcome } from "./link.ts";
import type { ConnectResult, Goaway, Push, StreamPosition } from "./messages.ts";
import { migrate, type MigrationEffect, type MigrationEvent, type MigrationPhase } from "./migration.ts";
import type { Opener, OpeningRequest } from "./opener.ts";
import type { Settings } from "./options.ts";
import { LOCAL } from "./reconnect-policy.ts";
import type { Trace } from "./trace.ts";

/** Places that one barrier may name. */
const MAX_POSITIONS = 1024;

export interface MigratorDeps {
  readonly settings: Settings;
  readonly opener: Opener;
  readonly connector: Connector;
  readonly trace: Trace;
  readonly positions: () => ReadonlyMap<string, StreamPosition>;
  readonly request: () => Omit<OpeningRequest, "handover">;
  /** The client goes on with this connection. `isComplete`: the one before has delivered everything before its places. */
  readonly adopt: (result: ConnectResult, link: Link, isComplete: boolean) => void;
  readonly onPush: (push: Push) => void;
  /** Subscriptions may be changed again. */
  readonly onSettled: (link: Link) => void;
}

interface Next {
  readonly link: Link;
  readonly result: ConnectResult;
  /** What it brought before it became the connection. */
  readonly held: Push[];
}

/** Carries out what `migrate` decides: make the second connection, then break the first. */
export class Migrator {
  readonly #deps: MigratorDeps;
  #phase: MigrationPhase = "idle";
  #goaway: Goaway | undefined;
  #next: Next | undefined;
  #previous: Link | undefined;
  #cancelOpening: (() => void) | undefined;
  #cancelWait: CancelTimer | undefined;
  /** Grows where an answer under way is of no use any more. */
  #turn = 0;

  constructor(deps: MigratorDeps) {
    this.#deps = deps;
  }

  /** A may have given its snapshot: what changes subscriptions waits. */
  get isMoving(): boolean {
    return isMoving(this.#phase);
  }

  goaway(goaway: Goaway): void {
    // More places than a move can carry: this client comes back when it is closed.
    if (this.#deps.positions().size > MAX_POSITIONS) return;
    this.#goaway = goaway;
    this.#handle({ type: "goaway", windowMs: Math.min(goaway.windowMs, goaway.deadlineMs) });
  }

  cancel(): void {
    this.#handle({ type: "cancel" });
  }

  /** The client has no connection any more. */
  down(): void {
    this.#handle({ type: "down" });
  }

  /** The connection is lost: the next one may take its place. */
  lost(): void {
    if (this.#phase !== "draining") this.#handle({ type: "lost" });
  }

  #handle(event: MigrationEvent): void {
    const before = this.#phase;
    const { phase, effects } = migrate(before, event, this.#deps.settings.random());
    this.#phase = phase;
    if (phase !== before) this.#deps.trace({ type: "migration", phase, because: event.type });
    for (const effect of effects) this.#carryOut(effect);
    const { connector, onSettled } = this.#deps;
    if (isMoving(phase) === isMoving(before)) return;
    connector.handle({ type: isMoving(phase) ? "migrate" : "migrated" });
    const { link } = connector;
    if (!isMoving(phase) && link !== undefined) onSettled(link);
  }

  #carryOut(effect: MigrationEffect): void {
    if (effect.type === "wait")
      this.#cancelWait = this.#deps.settings.clock.after(effect.delayMs, () => this.#handle({ type: "due" }));
    else this.#actions[effect.type]();
  }

  readonly #actions: Readonly<Record<Exclude<MigrationEffect["type"], "wait">, () => void>> = {
    cancelWait: () => this.#cancelWait?.(),
    open: () => this.#open(),
    sendBarrier: () => this.#sendBarrier(),
    commit: () => this.#commit(),
    adopt: () => this.#adopt(),
    closeNext: () => this.#closeNext(),
    closePrevious: () => this.#closePrevious(),
    reconnect: () => {
      const reason = { code: LOCAL.refused.code, message: "the move was refused" };
      this.#deps.connector.handle({ type: "lost", verdict: "retry", reason });
    },
  };

  #open(): void {
    const { opener, positions, request, connector, onPush } = this.#deps;
    if (this.#goaway === undefined) return;
    const { session, secret } = this.#goaway;
    const held: Push[] = [];
    let mine: Link | undefined;
    this.#cancelOpening = opener.open(
      { ...request(), handover: { session, secret, positions: positions() } },
      {
        onEstablished: (result, link) => {
          mine = link;
          this.#next = { link, result, held };
          this.#handle({ type: "opened", isContinued: result.belay?.handover?.moved !== undefined });
        },
        onRefused: () => this.#handle({ type: "failed" }),
        onPush: (push) => {
          if (connector.link === mine) onPush(push);
          else held.push(push);
        },
        onEnd: (end) => {
          const wasAdopted = mine !== undefined && this.#next?.link !== mine;
          if (!wasAdopted || this.#phase === "finishing") this.#handle({ type: "failed" });
          if (wasAdopted && mine !== undefined) connector.ended(mine, end);
        },
      },
    );
  }

  #sendBarrier(): void {
    const channels = Object.fromEntries(this.#next?.result.belay?.handover?.moved ?? []);
    this.#call(this.#deps.connector.link, "belay:barrier", { channels }, "passed");
  }

  #commit(): void {
    const link = this.#next?.link ?? this.#deps.connector.link;
    this.#call(link, "belay:moved", {}, "committed");
  }

  #call(link: Link | undefined, method: string, data: object, done: "passed" | "committed"): void {
    const turn = this.#turn;
    const { format } = this.#deps.settings.codec;
    const answer = (outcome: Outcome): void => {
      if (turn !== this.#turn) return;
      if (outcome.ok) return this.#handle({ type: done });
      // The end of a connection is told by itself, and is no refusal.
      if (!(outcome.error instanceof ConnectionLostError)) this.#handle({ type: "refused" });
    };
    link?.request({ kind: "rpc", method, data: jsonPayload(format, data) }, answer, TIMEOUT_MS[done]);
  }

  #adopt(): void {
    const next = this.#next;
    if (next === undefined) return;
    const { link, result, held } = next;
    const { connector, adopt, onPush } = this.#deps;
    this.#next = undefined;
    this.#cancelOpening = undefined;
    this.#previous = connector.adopt(link);
    adopt(result, link, this.#phase === "draining");
    // A listener may end it.
    for (const push of held) if (connector.link === link && isOnlyHere(push)) onPush(push);
    const turn = this.#turn;
    this.#previous?.whenIdle(() => {
      if (turn === this.#turn) this.#handle({ type: "drained" });
    });
  }

  #closeNext(): void {
    this.#turn += 1;
    this.#cancelOpening?.();
    this.#cancelOpening = undefined;
    this.#next = undefined;
  }

  #closePrevious(): void {
    this.#turn += 1;
    this.#previous?.close(1000, "moved");
    this.#previous = undefined;
  }
}

/** B waits 15 s for its commit: barrier and commit together take less. */
const TIMEOUT_MS = { passed: 5000, committed: 8000 };

/** While these phases last A may have given its snapshot, and B may not be the owner yet. */
function isMoving(phase: MigrationPhase): boolean {
  return phase === "opening" || phase === "barrier" || phase === "committing" || phase === "finishing";
}

/** A has shown everything without a place itself, and would be repeated. */
function isOnlyHere(push: Push): boolean {
  if (push.kind === "join" || push.kind === "leave") return false;
  return push.kind !== "publication" || push.publication.offset !== undefined;
}
