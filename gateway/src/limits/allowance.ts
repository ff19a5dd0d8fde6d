import type { Command } from "@belay/protocol";
import { type BucketRate, TokenBucket } from "./token-bucket.ts";

/** What one connection may send. */
export interface AllowanceRates {
  readonly commandsPerSecond: number;
  readonly commandBurst: number;
  readonly rpcPerSecond: number;
  readonly rpcBurst: number;
  readonly bytesPerSecond: number;
  readonly maxMessageBytes: number;
}

export type AllowanceLimit = "commands" | "rpc" | "bytes" | "user";

/** Refusals that are forgiven at once, and how many more a second: a client that hits its limit now and then is no attacker. */
const FORGIVEN: BucketRate = { perSecond: 2, burst: 200 };

/** Counts what one connection sends against its limits (LIM10, LIM11). */
export class Allowance {
  readonly #commands = new TokenBucket();
  readonly #rpc = new TokenBucket();
  readonly #bytes = new TokenBucket();
  readonly #refusals = new TokenBucket();

  /** Whether a frame of so many bytes fits. */
  takeBytes(nowMs: number, bytes: number, { bytesPerSecond, maxMessageBytes }: AllowanceRates): boolean {
    // At least one message of the largest size must get through.
    return this.#bytes.take(nowMs, bytes, {
      perSecond: bytesPerSecond,
      burst: Math.max(2 * bytesPerSecond, maxMessageBytes),
    });
  }

  /** The limit that a command is over; undefined when it may act. Pongs and connect are free. */
  refuse(nowMs: number, { kind }: Command, rates: AllowanceRates): AllowanceLimit | undefined {
    if (kind === "pong" || kind === "connect") return undefined;
    if (!this.#commands.take(nowMs, 1, { perSecond: rates.commandsPerSecond, burst: rates.commandBurst })) {
      return "commands";
    }
    const isRpcOver =
      kind === "rpc" && !this.#rpc.take(nowMs, 1, { perSecond: rates.rpcPerSecond, burst: rates.rpcBurst });
    return isRpcOver ? "rpc" : undefined;
  }

  /** Counts a refusal; false when there were too many of them to go on. */
  isForgiven(nowMs: number): boolean {
    return this.#refusals.take(nowMs, 1, FORGIVEN);
  }
}
