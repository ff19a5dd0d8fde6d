import type { RedisLogin, RedisTopology } from "../redis/redis-topology.ts";
import { parseRedisUrl, RedisUrlError } from "../redis/redis-url.ts";
import type { BrokerSettings } from "./broker.ts";

/** Reads what a configuration names, and keeps what is wrong with it. */
export interface TopologyFiles {
  readonly problems: string[];
  secret(key: string, path: string | undefined): Promise<string | undefined>;
  certificates(key: string, path: string | undefined): Promise<string | undefined>;
}

/** The section `broker` with what its files hold; undefined for the memory broker, and where there is a problem. */
export async function readTopology(files: TopologyFiles, broker: BrokerSettings): Promise<RedisTopology | undefined> {
  if (broker.type === "memory") return undefined;
  const ca = await files.certificates("broker.caFile", broker.caFile);
  if (broker.mode === "standalone") return readAddress(files, broker.urlFile, ca);
  const user = await readUser(files, ["usernameFile", broker.usernameFile], ["passwordFile", broker.passwordFile]);
  const login: RedisLogin = { ...user, ...(broker.tls && { tls: ca === undefined ? {} : { ca } }) };
  if (broker.mode === "cluster") return { mode: "cluster", nodes: broker.nodes, login };
  const sentinelLogin = await readUser(
    files,
    ["sentinelUsernameFile", broker.sentinelUsernameFile],
    ["sentinelPasswordFile", broker.sentinelPasswordFile],
  );
  return { mode: "sentinel", sentinels: broker.sentinels, masterName: broker.masterName, login, sentinelLogin };
}

async function readAddress(
  files: TopologyFiles,
  urlFile: string,
  ca: string | undefined,
): Promise<RedisTopology | undefined> {
  const url = await files.secret("broker.urlFile", urlFile);
  if (url === undefined) return undefined;
  try {
    const address = parseRedisUrl(url);
    if (ca === undefined) return { mode: "standalone", address };
    if (address.tls !== undefined) return { mode: "standalone", address: { ...address, tls: { ...address.tls, ca } } };
    files.problems.push("broker.caFile must be left out where the URL is redis://, was: given");
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    // Its words never repeat the URL.
    files.problems.push(`broker.urlFile must hold a URL that can be used (${error.message}), was: ${urlFile}`);
  }
  return undefined;
}

type NamedFile = readonly [key: string, path: string | undefined];

async function readUser(files: TopologyFiles, name: NamedFile, secret: NamedFile): Promise<RedisLogin> {
  const username = await files.secret(`broker.${name[0]}`, name[1]);
  const password = await files.secret(`broker.${secret[0]}`, secret[1]);
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}
