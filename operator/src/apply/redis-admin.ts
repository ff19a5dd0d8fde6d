import { Redis } from "ioredis";
import { REDIS_PORT } from "../resources/redis-pod.ts";

const TIMEOUT_MS = 2_000;

/**
 * Sets the passwords of the default user of a Redis, all at once. Who is connected stays connected, whatever the password was.
 * Rejects when it cannot be reached within a few seconds, or accepts none of the `known` passwords.
 */
export async function setRedisPasswords(
  ip: string,
  passwords: readonly string[],
  known: readonly string[],
  port: number = REDIS_PORT,
): Promise<void> {
  let refusal: Error = new Error("no password is known");
  for (const password of known) {
    try {
      await setPasswords({ host: ip, port, password }, passwords);
      return;
    } catch (error) {
      refusal = new Error("Redis could not be told its passwords", { cause: redacted(error) });
    }
  }
  throw refusal;
}

async function setPasswords(
  at: { readonly host: string; readonly port: number; readonly password: string },
  passwords: readonly string[],
): Promise<void> {
  const redis = new Redis({
    ...at,
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  // Without a listener ioredis prints what also rejects the call.
  redis.on("error", () => undefined);
  try {
    await redis.connect();
    await redis.call("ACL", "SETUSER", "default", "resetpass", ...passwords.map((each) => `>${each}`));
  } finally {
    redis.disconnect();
  }
}

/** ioredis hangs the command on its errors, and with it the passwords. */
function redacted(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : "unknown error");
}
