/**
 * A move from one connection, A, to another, B, without a moment that has neither. Pure: a phase and an event in, a phase and what is
 * to be done out.
 *
 * | phase      | A                                   | B                                      |
 * |------------|-------------------------------------|----------------------------------------|
 * | idle       | is the connection                   |                                        |
 * | waiting    | is; its server has said goaway      | opens at a random moment of the window |
 * | opening    | is; no subscription changes         | opens with A's session and secret      |
 * | barrier    | is; answers behind all B may assume | what it brings is held                 |
 * | committing | is                                  | takes the ownership                    |
 * | draining   | answers what it was asked           | is; what was held is shown             |
 * | finishing  | was lost                            | is; takes the ownership                |
 *
 * Until B has committed A stays what it was, so that whatever goes wrong before is no loss.
 */
export type MigrationPhase = "idle" | "waiting" | "opening" | "barrier" | "committing" | "draining" | "finishing";

export type MigrationEvent =
  | { readonly type: "goaway"; readonly windowMs: number }
  /** The server of A stays after all. */
  | { readonly type: "cancel" }
  /** The moment in the window has come. */
  | { readonly type: "due" }
  /** B is connected; `isContinued`: as A's successor and not as a stranger. */
  | { readonly type: "opened"; readonly isContinued: boolean }
  /** A has answered the barrier. */
  | { readonly type: "passed" }
  | { readonly type: "committed" }
  /** Barrier or commit was refused, or not answered in time. */
  | { readonly type: "refused" }
  /** B was refused, or is lost. */
  | { readonly type: "failed" }
  /** A is lost. */
  | { readonly type: "lost" }
  /** A has nothing left to answer. */
  | { readonly type: "drained" }
  /** The client has no connection any more. */
  | { readonly type: "down" };

export type MigrationEffect =
  | { readonly type: "wait"; readonly delayMs: number }
  | { readonly type: "cancelWait" | "open" | "sendBarrier" | "commit" | "adopt" }
  /** Ends B; A stays. */
  | { readonly type: "closeNext" }
  /** Ends A, which is not needed any more. */
  | { readonly type: "closePrevious" }
  /** B, which is the connection, may not be it: begin anew. */
  | { readonly type: "reconnect" };

export interface MigrationStep {
  readonly phase: MigrationPhase;
  readonly effects: readonly MigrationEffect[];
}

type Handler = (event: MigrationEvent, random: number) => MigrationStep | undefined;

/** What is not listed changes nothing. */
export function migrate(phase: MigrationPhase, event: MigrationEvent, random: number): MigrationStep {
  return PHASES[phase](event, random) ?? to(phase);
}

const PHASES: Readonly<Record<MigrationPhase, Handler>> = {
  idle: (event, random) => (event.type === "goaway" ? waiting(event, random) : undefined),
  waiting: (event, random) => {
    if (event.type === "goaway") return waiting(event, random, "cancelWait");
    if (event.type === "due") return to("opening", "open");
    return isAnyOf(event, "cancel", "lost", "down") ? to("idle", "cancelWait") : undefined;
  },
  opening: (event, random) => {
    // A newer secret has made the one that B presents void.
    if (event.type === "goaway") return waiting(event, random, "closeNext");
    if (event.type === "opened") return event.isContinued ? to("barrier", "sendBarrier") : to("idle", "closeNext");
    return isAnyOf(event, "cancel", "failed", "lost", "down") ? to("idle", "closeNext") : undefined;
  },
  barrier: (event) => {
    if (event.type === "passed") return to("committing", "commit");
    if (event.type === "lost") return to("finishing", "adopt", "commit");
    return isAnyOf(event, "refused", "failed", "down") ? to("idle", "closeNext") : undefined;
  },
  committing: (event) => {
    if (event.type === "committed") return to("draining", "adopt");
    if (event.type === "lost") return to("finishing", "adopt");
    return isAnyOf(event, "refused", "failed", "down") ? to("idle", "closeNext") : undefined;
  },
  draining: (event, random) => {
    if (event.type === "goaway") return waiting(event, random, "closePrevious");
    return isAnyOf(event, "drained", "lost", "down") ? to("idle", "closePrevious") : undefined;
  },
  finishing: (event) => {
    if (event.type === "refused") return to("idle", "reconnect");
    return isAnyOf(event, "committed", "failed", "down") ? to("idle") : undefined;
  },
};

type Plain = Exclude<MigrationEffect["type"], "wait">;

function to(phase: MigrationPhase, ...effects: readonly Plain[]): MigrationStep {
  return { phase, effects: effects.map((type) => ({ type })) };
}

function waiting(
  { windowMs }: Extract<MigrationEvent, { readonly type: "goaway" }>,
  random: number,
  ...before: readonly Plain[]
): MigrationStep {
  const { effects } = to("waiting", ...before);
  return { phase: "waiting", effects: [...effects, { type: "wait", delayMs: Math.floor(random * windowMs) }] };
}

function isAnyOf({ type }: MigrationEvent, ...types: readonly MigrationEvent["type"][]): boolean {
  return types.includes(type);
}
