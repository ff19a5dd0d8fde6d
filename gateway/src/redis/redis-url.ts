import { isIP } from "node:net";

/** Where a Redis is and how to log in; `redis://[user][:password]@host[:port][/db][#version]`, `rediss://` for TLS. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  /** Reported as it stands, so that whoever changes the password sees who uses which. */
  readonly version?: string;
  readonly tls?: RedisTls;
}

export interface RedisTls {
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
  readonly servername?: string;
}

const MAX_VERSION_LENGTH = 64;

/** The URL cannot be used. Its message never repeats the URL: there is a password in it. */
export class RedisUrlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "RedisUrlError";
  }
}

export function parseRedisUrl(text: string): RedisAddress {
  const url = URL.parse(text.trim());
  if (url === null) throw new RedisUrlError("the Redis URL must be redis:// or rediss:// with a host, was: not a URL");
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    throw new RedisUrlError(`the Redis URL must start with redis:// or rediss://, was: ${url.protocol}//`);
  }
  if (url.hostname === "") throw new RedisUrlError("the Redis URL must name a host, was: none");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return {
    host,
    port: url.port === "" ? 6379 : Number(url.port),
    db: parseDatabase(url.pathname),
    ...loginOf(url),
    ...(url.hash === "" ? {} : { version: url.hash.slice(1, MAX_VERSION_LENGTH + 1) }),
    ...(url.protocol === "rediss:" ? { tls: isIP(host) === 0 ? { servername: host } : {} } : {}),
  };
}

function loginOf({ username, password }: URL): Pick<RedisAddress, "username" | "password"> {
  return {
    ...(username === "" ? {} : { username: decode(username) }),
    ...(password === "" ? {} : { password: decode(password) }),
  };
}

function parseDatabase(path: string): number {
  if (path === "" || path === "/") return 0;
  const number = Number(path.slice(1));
  if (!Number.isInteger(number) || number < 0)
    throw new RedisUrlError("the path of the Redis URL must be a database number, was: something else");
  return number;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RedisUrlError("user and password in the Redis URL must be percent-encoded, was: a broken escape");
  }
}
