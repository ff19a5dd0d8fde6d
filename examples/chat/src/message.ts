/** What is said in a room. */
export interface ChatMessage {
  readonly text: string;
  /** Names one visit of one person; `n` counts what was said in it from 1. With both a reader sees what is missing. */
  readonly visit: string;
  readonly n: number;
  /** When it was said, by the writer's clock: milliseconds since 1970. */
  readonly atMs: number;
}

/** Anybody may publish anything. */
export function isChatMessage(value: unknown): value is ChatMessage {
  const { text, visit, n, atMs } = (value ?? {}) as Partial<Record<keyof ChatMessage, unknown>>;
  return typeof text === "string" && typeof visit === "string" && typeof n === "number" && typeof atMs === "number";
}
