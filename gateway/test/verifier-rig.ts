import type { AuthConfig } from "@belay/protocol/control";
import { expect } from "vitest";
import type { JwksTiming } from "../src/auth/jwks-source.ts";
import { createJwtVerifier, type JwtVerifier } from "../src/auth/jwt-verifier.ts";
import type { parseKeys, VerificationKey } from "../src/auth/verification-key.ts";
import { systemClock, systemRandom } from "../src/clock.ts";
import { checkConfig } from "../src/config.ts";
import { silentLog } from "../src/log.ts";
import type { TokenSettings } from "../src/auth/key-ring.ts";

export const SECRET = "a-secret-of-at-least-sixty-four-bytes-so-that-hs512-is-at-ease-too";
/** Real intervals, shortened. */
export const FAST: Partial<JwksTiming> = {
  minIntervalMs: 300,
  timeoutMs: 400,
  retryMs: 100,
  retryCapMs: 200,
  refreshMs: 60_000,
};

/** A verifier over settings that a test can change. */
export interface VerifierRig extends Disposable {
  readonly verifier: JwtVerifier;
  readonly reasons: string[];
  readonly fetches: string[];
  reconfigure(auth: AuthConfig, more?: Partial<TokenSettings>): void;
}

function settingsOf(auth: AuthConfig, more: Partial<TokenSettings>): TokenSettings {
  const checked = checkConfig({ auth });
  if (!checked.ok) throw new Error(checked.problems.join("\n"));
  return { config: checked.config, ...more };
}

export function verifierRig(
  auth: AuthConfig,
  more: Partial<TokenSettings> = {},
  timing: Partial<JwksTiming> = FAST,
): VerifierRig {
  const listeners: ((settings: TokenSettings) => void)[] = [];
  const reasons: string[] = [];
  const fetches: string[] = [];
  const settings = {
    current: settingsOf(auth, more),
    onChange: (listener: (settings: TokenSettings) => void) => void listeners.push(listener),
  };
  const verifier = createJwtVerifier({
    settings,
    clock: systemClock,
    random: systemRandom,
    log: silentLog(),
    revocations: { judge: () => undefined },
    timing,
    onRefused: (reason) => void reasons.push(reason),
    onFetched: (outcome) => void fetches.push(outcome),
  });
  return {
    verifier,
    reasons,
    fetches,
    [Symbol.dispose]: () => verifier[Symbol.dispose](),
    reconfigure: (changed, changedMore = {}) => {
      settings.current = settingsOf(changed, changedMore);
      for (const listener of listeners) listener(settings.current);
    },
  };
}

export function keysOf(...parsed: readonly ReturnType<typeof parseKeys>[]): readonly VerificationKey[] {
  return parsed.flatMap((each) => (each.ok ? each.keys : []));
}

/** "ok", or what the client hears and why. */
export async function verdictOf({ verifier, reasons }: VerifierRig, token: string): Promise<string> {
  const verdict = await verifier.verifyConnection(token);
  if (verdict.ok) return "ok";
  expect(reasons.at(-1)).toBe(verdict.reason);
  const { refusal } = verdict;
  return `${"close" in refusal ? refusal.close.code : refusal.error.code} ${verdict.reason}`;
}

/** One part of a token. */
export function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
