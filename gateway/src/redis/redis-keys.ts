import { crc32 } from "node:zlib";
import { PARTITION_COUNT, PARTITION_TAGS } from "./partition-tags.ts";

/** Shards of one pod's index: an index of 20,000 connections is read and swept in pieces of about 1,250. */
export const INDEX_SHARDS = 16;

/** Partition of a channel or user: CRC-32 (as in zlib) of its UTF-8 bytes, modulo 240. Never changes. */
export function partitionOf(name: string): number {
  return crc32(name) % PARTITION_COUNT;
}

function tagOf(name: string): string {
  return PARTITION_TAGS[partitionOf(name)] ?? "";
}

/** Every key and pub/sub channel that the gateway uses, as docs/redis.md lists them. */
export class RedisKeys {
  readonly prefix: string;
  /** Hash, pod uid → `term beat revision`. */
  readonly pods: string;
  /** Hash, `uid:term` → when it was found dead; what is left to sweep. */
  readonly dead: string;
  /** String: no lease ends before this Redis time (ms). */
  readonly calm: string;
  /** String: uid of the pod that sweeps now. */
  readonly sweep: string;
  /** Hash, id of a revocation → `stamp until issuedBefore lifted`. */
  readonly revocations: string;
  /** Sorted set, id of a revocation → version of its last change. */
  readonly revocationVersions: string;
  /** Hash, pod uid → term under which all its entries are written. */
  readonly complete: string;
  /** Sorted set, who is banned → until when. */
  readonly bans: string;
  /** Sorted set, who is banned → version of the last change. */
  readonly banVersions: string;
  /** Pub/sub channel that every node hears. */
  readonly allNodes: string;

  /** `prefix` stands before every key; braces in it would move the hash tag and are refused. */
  constructor(prefix: string) {
    if (/[{}]/.test(prefix)) throw new TypeError("the prefix of Redis keys must not contain { or }");
    this.prefix = prefix;
    this.pods = `${prefix}{L}:pods`;
    this.dead = `${prefix}{L}:dead`;
    this.calm = `${prefix}{L}:calm`;
    this.sweep = `${prefix}{L}:sweep`;
    this.revocations = `${prefix}{L}:revocations`;
    this.revocationVersions = `${prefix}{L}:revocation-versions`;
    this.complete = `${prefix}{L}:complete`;
    this.bans = `${prefix}{L}:bans`;
    this.banVersions = `${prefix}{L}:ban-versions`;
    this.allNodes = `${prefix}{L}:nodes`;
  }

  /** Pub/sub channel that tells one node to read its messages; in the slot of these. */
  node(nodeId: string): string {
    return `${this.prefix}{${tagOf(nodeId)}}n:${nodeId}`;
  }

  /** Stream: messages that wait for one node. */
  directMessages(nodeId: string): string {
    return `${this.prefix}{${tagOf(nodeId)}}d:${nodeId}`;
  }

  /** Pub/sub channels for the loop-back probes of one node: one in the slot of every partition, and of the keys of all. */
  probes(token: string): readonly string[] {
    return ["L", ...PARTITION_TAGS].map((tag) => `${this.prefix}{${tag}}b:${token}`);
  }

  /** Hash: the Redis run id that a channel's partition was written under, and its term. */
  partitionTerm(channel: string): string {
    return `${this.prefix}{${tagOf(channel)}}.t`;
  }

  /** `partitionTerm` of every partition. */
  get partitionTerms(): readonly string[] {
    return PARTITION_TAGS.map((tag) => `${this.prefix}{${tag}}.t`);
  }

  /** Hash: a channel's epoch, offset and the term it was written under. */
  channelMeta(channel: string): string {
    return `${this.prefix}{${tagOf(channel)}}.m:${channel}`;
  }

  /** Stream: what is stored of a channel; entry ids are the offsets. */
  stream(channel: string): string {
    return `${this.prefix}{${tagOf(channel)}}.s:${channel}`;
  }

  /** Stream: what waits for the replicas before it is stored and delivered. */
  awaited(channel: string): string {
    return `${this.prefix}{${tagOf(channel)}}.q:${channel}`;
  }

  /** String that is written to learn which replicas have it, and so everything before it; in the slot of a channel or user. */
  replicated(name: string): string {
    return `${this.prefix}{${tagOf(name)}}.r`;
  }

  /** String: the position that a publication with this idempotency key got. The length keeps two channels' keys apart. */
  idempotency(channel: string, key: string): string {
    return `${this.prefix}{${tagOf(channel)}}.i:${channel.length}:${channel}:${key}`;
  }

  /** Hash, members; sorted set, when each expires; hash, members of each user. */
  presence(channel: string): readonly [string, string, string] {
    const start = `${this.prefix}{${tagOf(channel)}}`;
    return [`${start}.p:${channel}`, `${start}.x:${channel}`, `${start}.u:${channel}`];
  }

  /** Pub/sub channel (sharded) of a channel's publications. */
  publications(channel: string): string {
    return `${this.prefix}{${tagOf(channel)}}.c:${channel}`;
  }

  /** The channel of a name made by `publications`. */
  static channelOf(name: string): string {
    return name.slice(name.indexOf("}") + "}.c:".length);
  }

  /** Hash, client → `uid term generation next time`. */
  user(user: string): string {
    return `${this.prefix}{${tagOf(user)}}u:${user}`;
  }

  /** Hash: epoch, newest offset and what groups have acknowledged of a user's inbox; stream, its messages by offset. */
  inbox(user: string): readonly [string, string] {
    const start = `${this.prefix}{${tagOf(user)}}`;
    return [`${start}im:${user}`, `${start}is:${user}`];
  }

  /** String: the position that a message with this idempotency key got. The length keeps two users' keys apart. */
  inboxIdempotency(user: string, key: string): string {
    return `${this.prefix}{${tagOf(user)}}ik:${user.length}:${user}:${key}`;
  }

  /** Hash, client → user: one of the 16 pieces of a pod's index. */
  podIndex(podUid: string, term: string, shard: number): string {
    return `${this.prefix}{${tagOf(`${podUid}:${shard}`)}}p:${podUid}:${term}:${shard}`;
  }

  /** Set of channels in whose presence a pod has members: one of the 16 pieces, beside those of its index. */
  podPresence(podUid: string, term: string, shard: number): string {
    return `${this.podIndex(podUid, term, shard)}:ch`;
  }

  /** String: the token bucket of a user or of a key of the server API. */
  tokens(kind: "user" | "key", name: string): string {
    return `${this.prefix}{${tagOf(name)}}q:${kind}:${name}`;
  }

  static indexShard(client: string): number {
    return crc32(client) % INDEX_SHARDS;
  }
}
