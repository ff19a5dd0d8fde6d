import { type Logger, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Structured lines on standard output. Tokens and payloads never go into fields. */
export function createLog(level: LogLevel, podName: string): Logger {
  return pino({ level, base: { pod: podName } });
}

/** A log nobody reads, for tests that run gateways in their own process. */
export function silentLog(): Logger {
  return pino({ level: "silent", enabled: false });
}
