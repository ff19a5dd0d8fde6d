/** How a channel's name is read: `$` for a private one, `namespace:` in front, `#a,b` for users at the end. */

export interface ChannelName {
  /** Undefined for a name without a colon. */
  readonly namespace: string | undefined;
  /** What is left without the marks. */
  readonly base: string;
  readonly isPrivate: boolean;
  /** Users that the channel is for; an anonymous client is none of them. */
  readonly users?: ReadonlySet<string>;
}

const PRIVATE = "$";
const NAMESPACE_END = ":";
const USERS = "#";
const NEXT_USER = ",";

/** Total: every text is a name of some kind. A colon behind the `#` belongs to a user. */
export function readChannelName(channel: string): ChannelName {
  const isPrivate = channel.startsWith(PRIVATE);
  const name = isPrivate ? channel.slice(PRIVATE.length) : channel;
  const usersAt = name.lastIndexOf(USERS);
  const front = usersAt < 0 ? name : name.slice(0, usersAt);
  const colon = front.indexOf(NAMESPACE_END);
  return {
    namespace: colon < 0 ? undefined : front.slice(0, colon),
    base: front.slice(colon + 1),
    isPrivate,
    ...(usersAt >= 0 && { users: usersIn(name.slice(usersAt + USERS.length)) }),
  };
}

function usersIn(text: string): ReadonlySet<string> {
  return new Set(text.split(NEXT_USER).filter((user) => user !== ""));
}
