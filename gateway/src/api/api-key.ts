/** Which key may do what. */
import { createHash, timingSafeEqual } from "node:crypto";
import { matchesGlob } from "../broker/channel-glob.ts";

/** What a key opens; absent members mean everything. */
export interface ApiScope {
  readonly methods?: readonly string[];
  /** Globs over channel names. Methods that name no channel are open only where `methods` lists them. */
  readonly channels?: readonly string[];
}

export interface ApiKey extends ApiScope {
  /** For the log and the count of its requests. */
  readonly name: string;
  readonly key: string;
  /** Over all gateways; absent: no limit. */
  readonly requestsPerSecond?: number;
}

/** The key that was given, or undefined. Compares with every key, in a time that tells nothing about where they differ. */
export function findApiKey(given: string | undefined, keys: readonly ApiKey[]): ApiKey | undefined {
  if (given === undefined) return undefined;
  const digest = sha256(given);
  let found: ApiKey | undefined;
  for (const key of keys) if (timingSafeEqual(digest, sha256(key.key))) found = key;
  return found;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

export function isInScope({ methods, channels }: ApiScope, method: string, named: readonly string[]): boolean {
  if (methods !== undefined && !methods.includes(method)) return false;
  if (channels === undefined) return true;
  if (named.length === 0) return methods !== undefined;
  return named.every((name) => channels.some((pattern) => matchesGlob(pattern, name)));
}
