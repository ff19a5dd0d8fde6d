import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { type State, type StateEvent, step } from "./state.ts";

const context = {
  nowMs: 100_000,
  random: 0.5,
  backoff: { baseMs: 500, maxMs: 30_000 },
  windowMs: 0,
  maxAttempts: Infinity,
};
const reason = { code: 1006, message: "gone" };
const retry: StateEvent = { type: "lost", verdict: "retry", reason };
const stop: StateEvent = { type: "lost", verdict: "stop", reason: { code: 3500, message: "invalid token" } };
const connected: State = { name: "connected", attempt: 0, sinceMs: 0 };
const waiting: State = { name: "reconnecting", attempt: 3, phase: "waiting" };
const opening: State = { name: "connecting", attempt: 0, phase: "opening" };

test.each<readonly [string, State, StateEvent, readonly [State, readonly string[]]]>([
  ["connect opens", { name: "disconnected" }, { type: "connect" }, [opening, ["open"]]],
  ["connect after the end opens anew", { name: "closed", reason }, { type: "connect" }, [opening, ["open"]]],
  ["a second connect changes nothing", connected, { type: "connect" }, [connected, []]],
  [
    "what is established is connected",
    opening,
    { type: "established" },
    [{ name: "connected", attempt: 0, sinceMs: 100_000 }, []],
  ],
  [
    "a first try that fails is still connecting",
    opening,
    retry,
    [{ name: "connecting", attempt: 1, phase: "waiting" }, ["drop", "wait 250"]],
  ],
  [
    "a loss is reconnecting",
    connected,
    retry,
    [{ name: "reconnecting", attempt: 0, phase: "waiting" }, ["drop", "wait 250"]],
  ],
  [
    "a short connection does not begin the count anew",
    { name: "connected", attempt: 4, sinceMs: 95_000 },
    retry,
    [{ name: "reconnecting", attempt: 5, phase: "waiting" }, ["drop", "wait 4000"]],
  ],
  ["the next try is due", waiting, { type: "due" }, [{ ...waiting, phase: "opening" }, ["open"]]],
  [
    "a network that is back makes it due",
    waiting,
    { type: "online" },
    [{ ...waiting, phase: "opening" }, ["cancelWait", "open"]],
  ],
  ["a due that comes late is nothing", connected, { type: "due" }, [connected, []]],
  ["a move begins", connected, { type: "migrate" }, [{ ...connected, name: "migrating" }, []]],
  ["a move ends", { ...connected, name: "migrating" }, { type: "migrated" }, [connected, []]],
  ["a move only begins when connected", waiting, { type: "migrate" }, [waiting, []]],
  [
    "a loss in a move is reconnecting",
    { ...connected, name: "migrating" },
    retry,
    [{ name: "reconnecting", attempt: 0, phase: "waiting" }, ["drop", "wait 250"]],
  ],
  [
    "a final code closes",
    connected,
    stop,
    [{ name: "closed", reason: { code: 3500, message: "invalid token" } }, ["cancelWait", "drop"]],
  ],
  ["a loss after the end is nothing", { name: "disconnected" }, retry, [{ name: "disconnected" }, []]],
  ["disconnect ends everything", waiting, { type: "disconnect" }, [{ name: "disconnected" }, ["cancelWait", "drop"]]],
])("[SDK2] %s", (_name, state, event, [next, effects]) => {
  const result = step(state, event, context);
  expect(result.state).toEqual(next);
  expect(result.effects.map((effect) => (effect.type === "wait" ? `wait ${effect.delayMs}` : effect.type))).toEqual(
    effects,
  );
});

test("[SDK11] the first wait after a loss is taken from the server's window", () => {
  const { effects } = step(connected, retry, { ...context, windowMs: 20_000 });
  expect(effects).toContainEqual({ type: "wait", delayMs: 10_000 });
});

test("[SDK11] a refusal with a window is tried again within it, and without one by the own backoff", () => {
  const refused = step(opening, { ...retry, windowMs: 60_000 }, { ...context, windowMs: 20_000 });
  expect(refused.effects).toContainEqual({ type: "wait", delayMs: 30_000 });
  const failed = step(opening, retry, { ...context, windowMs: 20_000 });
  expect(failed.effects).toContainEqual({ type: "wait", delayMs: 250 });
});

test("[SDK13] after as many tries as are allowed the client is closed", () => {
  let state: State = opening;
  const names: string[] = [];
  for (let tries = 1; tries <= 3; tries += 1) {
    state = step(state, retry, { ...context, maxAttempts: 3 }).state;
    names.push(state.name);
    state = step(state, { type: "due" }, context).state;
  }
  expect(names).toEqual(["connecting", "connecting", "closed"]);
});

const events = fc.oneof(
  fc.constantFrom<StateEvent>(
    ...(["connect", "disconnect", "established", "due", "online", "migrate", "migrated"] as const).map((type) => ({
      type,
    })),
  ),
  fc.constantFrom(retry, stop),
);

prop.prop([fc.array(events, { maxLength: 40 })])(
  "[SDK2] whatever happens, a wait is set exactly while the client waits, and every state has a way out",
  (happened) => {
    let state: State = { name: "disconnected" };
    let isTimerSet = false;
    for (const event of happened) {
      // The timer cannot be due where none is set.
      if (event.type === "due" && !isTimerSet) continue;
      if (event.type === "due") isTimerSet = false;
      const result = step(state, event, context);
      for (const effect of result.effects) {
        if (effect.type === "wait") isTimerSet = true;
        if (effect.type === "cancelWait") isTimerSet = false;
      }
      ({ state } = result);
      expect(isTimerSet).toBe("phase" in state && state.phase === "waiting");
    }
    const exits: readonly StateEvent[] = [{ type: "disconnect" }, { type: "connect" }];
    expect(exits.some((event) => step(state, event, context).state.name !== state.name)).toBe(true);
  },
);
