import { createHash } from "node:crypto";

/** A Lua script, called by its SHA-1. The `#!lua` line makes Redis refuse keys of another slot, also where there is no cluster. */
export interface RedisScript {
  readonly source: string;
  readonly sha: string;
  /**
   * Redis does not run a script where its slot is on the way to while a key that it declares does not exist. So there this one is given
   * its first key as such, and the others after its arguments.
   */
  readonly takesKeysAsArguments: boolean;
}

export function redisScript(body: string, takesKeysAsArguments = false): RedisScript {
  const source = `#!lua\n${body.trim()}\n`;
  return { source, sha: createHash("sha1").update(source).digest("hex"), takesKeysAsArguments };
}
