import { type Backoff, backoffMs, firstWaitMs } from "./backoff.ts";
import { LOCAL, type Verdict } from "./reconnect-policy.ts";

/** Why a client is closed: a close code, an error code of connect, or one of the client's own. */
export interface ClosedReason {
  readonly code: number;
  readonly message: string;
}

/**
 * The state of a client, and all that decides what follows.
 *
 * ```
 * disconnected ─connect─▶ connecting ─established─▶ connected ◀─▶ migrating
 *                             │ ▲                      │              │
 *                         lost│ │due, online       lost│          lost│
 *                             ▼ │                      ▼              │
 *                          (waiting)              reconnecting ◀──────┘
 * any ─lost for good─▶ closed(reason)      any ─disconnect─▶ disconnected
 * ```
 */
export type State =
  | { readonly name: "disconnected" }
  /** No connection yet since `connect`. */
  | { readonly name: "connecting"; readonly attempt: number; readonly phase: Phase }
  | { readonly name: "reconnecting"; readonly attempt: number; readonly phase: Phase }
  | { readonly name: "connected"; readonly attempt: number; readonly sinceMs: number }
  /** Connected, with a second connection under way that will take over. */
  | { readonly name: "migrating"; readonly attempt: number; readonly sinceMs: number }
  | { readonly name: "closed"; readonly reason: ClosedReason };

export type StateName = State["name"];

/** Between two tries, or in one. */
export type Phase = "waiting" | "opening";

export type StateEvent =
  | { readonly type: "connect" | "disconnect" | "established" | "due" | "online" | "migrate" | "migrated" }
  | {
      readonly type: "lost";
      readonly verdict: Verdict;
      readonly reason: ClosedReason;
      /** Over how long the server that refused wants its clients to try again. */
      readonly windowMs?: number;
    };

/** What has to be done because of an event. */
export type Effect =
  | { readonly type: "open" }
  /** Then comes `due`, unless `cancelWait` does. */
  | { readonly type: "wait"; readonly delayMs: number }
  | { readonly type: "cancelWait" }
  /** Ends every connection, opening ones too. */
  | { readonly type: "drop" };

export interface StateContext {
  readonly nowMs: number;
  readonly random: number;
  readonly backoff: Backoff;
  /** Of the server, 0 where it told none. */
  readonly windowMs: number;
  /** Tries in a row, at least 1. */
  readonly maxAttempts: number;
}

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** A connection that lasted so long was a success: the next loss begins to count anew. */
const STABLE_MS = 10_000;

export function step(state: State, event: StateEvent, context: StateContext): Step {
  if (event.type !== "lost") return STEPS[event.type](state, context);
  return isWaiting(state) ? to(state) : lost(state, event, context);
}

type Handler = (state: State, context: StateContext) => Step;

const STEPS: Readonly<Record<Exclude<StateEvent["type"], "lost">, Handler>> = {
  connect: (state) =>
    isIdle(state) ? to({ name: "connecting", attempt: 0, phase: "opening" }, { type: "open" }) : to(state),
  disconnect: (state) => (state.name === "disconnected" ? to(state) : to({ name: "disconnected" }, ...END)),
  established: (state, { nowMs }) =>
    isOpening(state) ? to({ name: "connected", attempt: state.attempt, sinceMs: nowMs }) : to(state),
  due: (state) => (isWaiting(state) ? to({ ...state, phase: "opening" }, { type: "open" }) : to(state)),
  online: (state) =>
    isWaiting(state) ? to({ ...state, phase: "opening" }, { type: "cancelWait" }, { type: "open" }) : to(state),
  migrate: (state) => (state.name === "connected" ? to({ ...state, name: "migrating" }) : to(state)),
  migrated: (state) => (state.name === "migrating" ? to({ ...state, name: "connected" }) : to(state)),
};

const END: readonly Effect[] = [{ type: "cancelWait" }, { type: "drop" }];

function isOpening(state: State): state is Trying {
  return isTrying(state) && state.phase === "opening";
}

type Trying = Extract<State, { readonly phase: Phase }>;

function to(state: State, ...effects: readonly Effect[]): Step {
  return { state, effects };
}

function isIdle(state: State): state is Extract<State, { readonly name: "disconnected" | "closed" }> {
  return state.name === "disconnected" || state.name === "closed";
}

function isTrying(state: State): state is Trying {
  return state.name === "connecting" || state.name === "reconnecting";
}

function isWaiting(state: State): state is Trying {
  return isTrying(state) && state.phase === "waiting";
}

function lost(state: State, event: Extract<StateEvent, { type: "lost" }>, context: StateContext): Step {
  const { verdict, reason, windowMs = 0 } = event;
  if (isIdle(state)) return to(state);
  if (verdict === "stop") return to({ name: "closed", reason }, ...END);
  const wasStable = !isTrying(state) && context.nowMs - state.sinceMs >= STABLE_MS;
  const attempt = wasStable ? 0 : state.attempt + 1;
  if (isTrying(state) && attempt >= context.maxAttempts)
    return to({ name: "closed", reason: { code: LOCAL.triesUsedUp.code, message: reason.message } }, ...END);
  const delayMs = isTrying(state)
    ? Math.max(backoffMs(context.backoff, attempt - 1, context.random), Math.floor(context.random * windowMs))
    : waitAfterLoss(attempt, context);
  const name = state.name === "connecting" ? "connecting" : "reconnecting";
  return to({ name, attempt, phase: "waiting" }, { type: "drop" }, { type: "wait", delayMs });
}

function waitAfterLoss(attempt: number, { backoff, windowMs, random }: StateContext): number {
  return Math.max(firstWaitMs(backoff, windowMs, random), attempt === 0 ? 0 : backoffMs(backoff, attempt - 1, random));
}
