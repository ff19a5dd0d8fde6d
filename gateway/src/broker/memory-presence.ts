import type { Clock } from "../clock.ts";
import type { PresenceMember, PresenceStats } from "./broker.ts";

interface Channel {
  readonly members: Map<string, { readonly member: PresenceMember; readonly expiresAtMs: number }>;
  /** Members of each user. */
  readonly users: Map<string, number>;
  /** No member expires before it, so that until then nobody is looked at. */
  nextExpiryMs: number;
}

/** Who is in a channel, for a single process. */
export class MemoryPresence {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #channels = new Map<string, Channel>();

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  add(name: string, member: PresenceMember, ttlMs: number): void {
    const channel = this.#live(name) ?? emptyChannel();
    this.#channels.set(name, channel);
    const before = channel.members.get(member.client);
    const expiresAtMs = this.#clock.nowMs() + ttlMs;
    channel.members.set(member.client, { member, expiresAtMs });
    channel.users.set(member.user, (channel.users.get(member.user) ?? 0) + 1);
    if (before !== undefined) discount(channel, before.member.user);
    channel.nextExpiryMs = Math.min(channel.nextExpiryMs, expiresAtMs);
  }

  remove(name: string, client: string): void {
    const channel = this.#live(name);
    const known = channel?.members.get(client);
    if (channel === undefined || known === undefined) return;
    channel.members.delete(client);
    discount(channel, known.member.user);
    if (channel.members.size === 0) this.#channels.delete(name);
  }

  members(name: string): readonly PresenceMember[] {
    return [...(this.#live(name)?.members.values() ?? [])].map(({ member }) => member);
  }

  stats(name: string): PresenceStats {
    const channel = this.#live(name);
    return { clients: channel?.members.size ?? 0, users: channel?.users.size ?? 0 };
  }

  /** The channel without those who have expired; undefined when nobody is left. */
  #live(name: string): Channel | undefined {
    const channel = this.#channels.get(name);
    const nowMs = this.#clock.nowMs();
    if (channel === undefined || channel.nextExpiryMs > nowMs) return channel;
    channel.nextExpiryMs = Infinity;
    for (const [client, { member, expiresAtMs }] of channel.members) {
      if (expiresAtMs > nowMs) {
        channel.nextExpiryMs = Math.min(channel.nextExpiryMs, expiresAtMs);
        continue;
      }
      channel.members.delete(client);
      discount(channel, member.user);
    }
    if (channel.members.size > 0) return channel;
    this.#channels.delete(name);
    return undefined;
  }
}

function emptyChannel(): Channel {
  return { members: new Map(), users: new Map(), nextExpiryMs: Infinity };
}

function discount({ users }: Channel, user: string): void {
  const left = (users.get(user) ?? 0) - 1;
  if (left > 0) users.set(user, left);
  else users.delete(user);
}
