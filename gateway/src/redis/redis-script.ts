import { createHash } from "node:crypto";

/** A Lua script, called by its SHA-1. The `#!lua` line makes Redis refuse keys of another slot, also where there is no cluster. */
export interface RedisScript {
  readonly source: string;
  readonly sha: string;
}

export function redisScript(body: string): RedisScript {
  const source = `#!lua\n${body.trim()}\n`;
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}
