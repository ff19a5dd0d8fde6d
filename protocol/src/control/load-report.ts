import type { DrainStatus } from "./drain.ts";
import { stableHash } from "./stable-hash.ts";

/** Answer of `GET /load` on the control port: what the operator plans and scales by. */
export interface LoadReport {
  readonly podUid: string;
  readonly revision: string;
  /** Open client connections. */
  readonly connections: number;
  readonly ready: boolean;
  /** Why the pod is not ready; empty while it is. */
  readonly notReadyReason: string;
  /** Whether this pod reaches its broker; `true` for the memory broker. */
  readonly brokerConnected: boolean;
  /** Why Redis may drop keys that nobody removed: its policy and how many it did. Absent while it keeps everything. */
  readonly redisEvicts?: string;
  /** The way to Redis and back; absent without a Redis, and from gateways older than this field. */
  readonly redis?: RedisReport;
  readonly drain: DrainStatus;
  /** Absent from gateways older than this field. */
  readonly config?: ConfigReport;
}

/** What a gateway knows of its way to Redis, by its own clock. */
export interface RedisReport {
  readonly probe: ProbeReport;
  /** What is wrong; empty while nothing is. */
  readonly problem: string;
  /** How long something has been wrong; 0 while nothing is. */
  readonly troubleSeconds: number;
}

/** Counts since the start of the process. */
export interface ProbeReport {
  /** Intervals in which the subscriber connection was looked at. */
  readonly rounds: number;
  /** Probes that were not answered. */
  readonly failures: number;
  /** Times that the way was restored. */
  readonly rebuilds: number;
  /** Since something arrived from Redis; absent before the first time. */
  readonly lastSuccessAgeSeconds?: number;
}

/** Which configuration a gateway runs. */
export interface ConfigReport {
  /** {@link configHash} of the text of the file. */
  readonly hash: string;
  /**
   * By which login new connections to Redis are made: what stands behind `#` in the URL; with sentinels the first 16 hexadecimal
   * digits of the HMAC-SHA256 of {@link loginText}, keyed with the token of the control port, which operator and gateways both have.
   * Absent where neither is there.
   */
  readonly redisVersion?: string;
  /** Absent while the newest file is the one that runs. */
  readonly refused?: ConfigRefusal;
}

/** A configuration that a gateway read and did not take. */
export interface ConfigRefusal {
  readonly hash: string;
  /** "key must be rule, was: value", the first few, each cut to a few hundred characters. */
  readonly problems: readonly string[];
}

/** Tells two texts of a configuration file apart; operator and gateway compute it alike. */
export function configHash(text: string): string {
  return stableHash(text);
}

interface Login {
  readonly username?: string;
  readonly password?: string;
}

/** What is fingerprinted of the logins to Redis and to its sentinels. */
export function loginText(login: Login, sentinelLogin: Login): string {
  return JSON.stringify([login, sentinelLogin].flatMap(({ username = "", password = "" }) => [username, password]));
}
