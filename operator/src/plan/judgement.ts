/** What is said in a condition, before it gets its times. */
export interface Judgement {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}
