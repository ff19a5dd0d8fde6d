import { Redis } from "ioredis";
import type { RedisServer } from "../plan/actions.ts";
import { REDIS_PORT } from "../resources/redis-pod.ts";
import { PRIMARY_NAME, SENTINEL_PORT } from "../resources/sentinel-topology.ts";
import type { RedisAdmin } from "./password-change.ts";

const TIMEOUT_MS = 2_000;

/** With `port` where the server does not listen on the port of its kind. */
type Target = RedisServer & { readonly port?: number };

/** Who is connected stays connected, whatever the password was. Rejects when a server cannot be reached within a few seconds. */
export const redisAdmin: RedisAdmin = {
  setPasswords: (server, passwords, known) =>
    perform(server, known, [["ACL", "SETUSER", "default", "resetpass", ...passwords.map((each) => `>${each}`)]]),
  useForOthers: (server, password, known) =>
    perform(
      server,
      known,
      server.isSentinel
        ? [
            ["SENTINEL", "CONFIG", "SET", "sentinel-pass", password],
            ["SENTINEL", "SET", PRIMARY_NAME, "auth-pass", password],
          ]
        : [["CONFIG", "SET", "masterauth", password]],
    ),
};

type Command = readonly [name: string, ...args: readonly string[]];

/** By the first of the passwords that counts. */
async function perform(server: Target, known: readonly string[], commands: readonly Command[]): Promise<void> {
  let refusal: Error = new Error("no password is known");
  for (const password of known) {
    try {
      await send(server, password, commands);
      return;
    } catch (error) {
      refusal = new Error("Redis could not be told its passwords", { cause: redacted(error) });
    }
  }
  throw refusal;
}

async function send(
  { ip, isSentinel, port = isSentinel ? SENTINEL_PORT : REDIS_PORT }: Target,
  password: string,
  commands: readonly Command[],
): Promise<void> {
  const redis = new Redis({
    host: ip,
    port,
    password,
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
    for (const [name, ...args] of commands) await redis.call(name, ...args);
  } finally {
    redis.disconnect();
  }
}

/** ioredis hangs the command on its errors, and with it the passwords. */
function redacted(error: unknown): Error {
  return new Error(error instanceof Error ? error.message : "unknown error");
}
