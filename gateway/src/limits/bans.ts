/** Who is banned: a user, or the address of clients without one. */
export interface Banned {
  readonly user: string;
  readonly address: string;
}

/** Who has to stay away for a while, on every node. */
export interface Bans {
  /** Known here. */
  readonly size: number;
  isBanned(who: Banned): boolean;
  /** Acts here at once. Never rejects: what cannot be stored now is stored when that is possible again. */
  ban(who: Banned, seconds: number): Promise<void>;
}

/** Many people share an address; so it counts only for clients that say nothing else of themselves. */
export function banName({ user, address }: Banned): string {
  return user === "" ? `address ${address}` : `user ${user}`;
}
