import { readFile } from "node:fs/promises";

/** The user of docs/redis.md, with the rights that it gives: arguments of ACL SETUSER. Keys begin with `belay:`. */
export function documentedUser(password: string): Promise<readonly string[]> {
  return userOf(/^redis-cli ACL SETUSER (.*?)^```/ms, password);
}

/** The user on sentinels. */
export function documentedSentinelUser(password: string): Promise<readonly string[]> {
  return userOf(/^redis-cli -p 26379 ACL SETUSER (.*?)^```/ms, password);
}

async function userOf(command: RegExp, password: string): Promise<readonly string[]> {
  const page = await readFile(new URL("../../docs/redis.md", import.meta.url), "utf8");
  const [, shell] = command.exec(page) ?? [];
  if (shell === undefined) throw new Error("docs/redis.md has no ACL SETUSER");
  const words = shell.replaceAll(/['\\]/g, "").split(/\s+/);
  return words.filter((word) => word !== "").map((word) => (word.startsWith(">") ? `>${password}` : word));
}

/** Commands that the user may call. */
export function commandsOf(user: readonly string[]): readonly string[] {
  return user.filter((word) => word.startsWith("+")).map((word) => word.slice(1));
}
