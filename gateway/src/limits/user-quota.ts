import type { Command } from "@belay/protocol";
import type { SettingsSource } from "../settings.ts";
import type { Quota } from "./quota.ts";
import type { BucketRate } from "./token-bucket.ts";

/** Commands that carry a message of the user. */
const MESSAGES: ReadonlySet<Command["kind"]> = new Set(["publish", "send", "rpc"]);

/** Messages of one user over all its connections and nodes (LIM17). */
export class UserQuota {
  readonly #settings: SettingsSource;
  readonly #quota: Quota;

  constructor(settings: SettingsSource, quota: Quota) {
    this.#settings = settings;
    this.#quota = quota;
  }

  /** Whether the command may act. Anonymous clients have no user in common, only the name of none. */
  take(user: string, { kind }: Command): boolean | Promise<boolean> {
    const rate = MESSAGES.has(kind) && user !== "" ? this.#rate() : undefined;
    if (rate === undefined) return true;
    const verdict = this.#quota.take({ kind: "user", name: user }, rate);
    return "isGranted" in verdict ? verdict.isGranted : verdict.then(({ isGranted }) => isGranted);
  }

  #rate(): BucketRate | undefined {
    const { userMessagesPerSecond: perSecond, userMessageBurst } = this.#settings.current.config.limits;
    return perSecond === undefined ? undefined : { perSecond, burst: userMessageBurst ?? 2 * perSecond };
  }
}
