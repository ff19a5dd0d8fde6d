/** What is said in a condition, before it gets its times. */
export interface Judgement {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** A judgement whose reason and message are still to be said. */
export function verdict(type: string, status: Judgement["status"]): (reason: string, message: string) => Judgement {
  return (reason, message) => ({ type, status, reason, message });
}
