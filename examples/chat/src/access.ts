/** What the page gets from `GET /token?user=NAME`. */
export interface Access {
  /** The gateways' WebSocket URL. */
  readonly url: string;
  /** JSON Web Token for `user`, one hour long. */
  readonly token: string;
}

/** A name of 1 to 32 letters, digits, `-` or `_`: safe to show, easy to type. */
export function isUserName(name: string): boolean {
  return /^[\p{L}\p{N}_-]{1,32}$/u.test(name);
}
