import { fc, test as prop } from "@fast-check/vitest";
import { expect, test } from "vitest";
import { migrate, type MigrationEvent, type MigrationPhase } from "./migration.ts";

const goaway: MigrationEvent = { type: "goaway", windowMs: 1000 };
const continued: MigrationEvent = { type: "opened", isContinued: true };
const fresh: MigrationEvent = { type: "opened", isContinued: false };
const plain = ["cancel", "due", "passed", "committed", "refused", "failed", "lost", "drained", "down"] as const;
const all: readonly MigrationEvent[] = [goaway, continued, fresh, ...plain.map((type) => ({ type }))];

function told(phase: MigrationPhase, event: MigrationEvent): string {
  const step = migrate(phase, event, 0.5);
  const effects = step.effects.map((effect) => (effect.type === "wait" ? `wait ${effect.delayMs}` : effect.type));
  return [step.phase, ...effects].join(" ");
}

test("[SDK31] a move without trouble: second connection, barrier, commit, and only then the end of the first", () => {
  const events: readonly MigrationEvent[] = [
    goaway,
    { type: "due" },
    continued,
    { type: "passed" },
    { type: "committed" },
    { type: "drained" },
  ];
  let phase: MigrationPhase = "idle";
  const story = events.map((event) => {
    const line = told(phase, event);
    ({ phase } = migrate(phase, event, 0.5));
    return line;
  });
  expect(story).toEqual([
    "waiting wait 500",
    "opening open",
    "barrier sendBarrier",
    "committing commit",
    "draining adopt",
    "idle closePrevious",
  ]);
});

test.each<readonly [MigrationPhase, MigrationEvent, string]>([
  ["waiting", { type: "cancel" }, "idle cancelWait"],
  ["waiting", { type: "lost" }, "idle cancelWait"],
  ["waiting", goaway, "waiting cancelWait wait 500"],
  ["opening", { type: "cancel" }, "idle closeNext"],
  ["opening", fresh, "idle closeNext"],
  ["opening", { type: "failed" }, "idle closeNext"],
  ["opening", { type: "lost" }, "idle closeNext"],
  ["opening", goaway, "waiting closeNext wait 500"],
  ["barrier", { type: "cancel" }, "barrier"],
  ["barrier", { type: "refused" }, "idle closeNext"],
  ["barrier", { type: "failed" }, "idle closeNext"],
  ["barrier", { type: "lost" }, "finishing adopt commit"],
  ["committing", { type: "cancel" }, "committing"],
  ["committing", { type: "refused" }, "idle closeNext"],
  ["committing", { type: "failed" }, "idle closeNext"],
  ["committing", { type: "lost" }, "finishing adopt"],
  ["finishing", { type: "committed" }, "idle"],
  ["finishing", { type: "refused" }, "idle reconnect"],
  ["finishing", { type: "failed" }, "idle"],
  ["draining", { type: "lost" }, "idle closePrevious"],
  ["draining", goaway, "waiting closePrevious wait 500"],
])("[SDK33] in the phase %s, %j: %s", (phase, event, expected) => {
  expect(told(phase, event)).toBe(expected);
});

/** What the effects of a step leave: is a timer set, how many connections are there. */
function count(before: readonly [boolean, number], { phase, effects }: ReturnType<typeof migrate>): [boolean, number] {
  let [isTimerSet, connections] = before;
  for (const { type } of effects) {
    isTimerSet = type === "wait" || (isTimerSet && type !== "cancelWait");
    connections += CONNECTIONS[type] ?? 0;
  }
  // The one that was lost.
  if (phase === "finishing" && effects.some(({ type }) => type === "adopt")) connections -= 1;
  return [isTimerSet, connections];
}

const CONNECTIONS: Readonly<Record<string, number>> = { open: 1, closeNext: -1, closePrevious: -1 };

prop.prop([fc.array(fc.constantFrom(...all), { maxLength: 40 })])(
  "[SDK33] whatever happens there is a way back to one connection, and no wait is left",
  (happened) => {
    let phase: MigrationPhase = "idle";
    let counted: [boolean, number] = [false, 1];
    for (const event of happened) {
      // The timer cannot be due where none is set.
      if (event.type === "due" && !counted[0]) continue;
      const step = migrate(phase, event, 0.5);
      counted = count([counted[0] && event.type !== "due", counted[1]], step);
      ({ phase } = step);
      expect(counted).toEqual([phase === "waiting", ["idle", "waiting", "finishing"].includes(phase) ? 1 : 2]);
    }
    expect(migrate(phase, { type: "down" }, 0.5).phase).toBe("idle");
  },
);
