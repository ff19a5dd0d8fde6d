import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { endWithTest, openRedis, type RedisServer } from "./redis.ts";
import { redisCli, RedisProcess } from "./redis-process.ts";
import { TcpProxy } from "./tcp-proxy.ts";

export interface SentinelOptions {
  /** Silence after which a sentinel holds the primary for dead. Default 500. */
  readonly downAfterMs?: number;
  /** Of Redis. */
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** All know one another by a name instead of an address, as pods do. */
  readonly areNamed?: boolean;
  /** Whether `lag` can be called; only inside a test. */
  readonly canLag?: boolean;
}

/** A primary, two replicas and three sentinels on 127.0.0.1. */
export interface SentinelGroup extends AsyncDisposable {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly masterName: string;
  readonly servers: readonly RedisServer[];
  /** Whom the sentinels name now. */
  primary(): Promise<RedisServer>;
  /** Resolves when the sentinels agree on another primary than this one. */
  promoted(former: RedisServer): Promise<RedisServer>;
  /** The sentinels are locked out of this server, and hold it for dead; nobody else notices. Needs a password. */
  hide(server: RedisServer): Promise<void>;
  /** From now on the replicas are told nothing by the first primary, and all believe in their connections. */
  lag(): void;
  /** One command on one server, with the password. */
  call(server: RedisServer, ...args: readonly string[]): Promise<string>;
}

const MASTER_NAME = "main";
/** Whom the sentinels are to Redis. */
const SENTINEL_USER = "sentinel";
const SERVER_SETTINGS =
  `--user ${SENTINEL_USER} on nopass ~* &* +@all --repl-diskless-sync-delay 0 --repl-ping-replica-period 1`.split(" ");
const REPLICAS = 2;
const SENTINELS = 3;

/** Started inside a test it ends with that test; elsewhere whoever started it disposes of it. */
export async function startSentinelGroup(options: SentinelOptions = {}): Promise<SentinelGroup> {
  const group = new LocalSentinelGroup(options);
  endWithTest(group);
  try {
    await group.start();
  } catch (error) {
    await group[Symbol.asyncDispose]();
    throw error;
  }
  return group;
}

class LocalSentinelGroup implements SentinelGroup {
  readonly masterName: string = MASTER_NAME;
  readonly servers: RedisServer[] = [];
  readonly sentinels: { readonly host: string; readonly port: number }[] = [];
  readonly #options: SentinelOptions;
  readonly #processes: RedisProcess[] = [];
  readonly #directories: string[] = [];
  /** Under whose port everybody knows the first primary, where replicas are to lag. */
  #front: TcpProxy | undefined;

  constructor(options: SentinelOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const primary = await this.#startServer([]);
    if (this.#options.canLag === true) this.#front = await TcpProxy.start(primary.port);
    const knownPort = this.#front?.port ?? primary.port;
    const replicaOf = ["--replicaof", this.#host, String(knownPort)];
    await Promise.all(Array.from({ length: REPLICAS }, () => this.#startServer(replicaOf)));
    // The sentinels look for replicas when they come, and then only every 10 s.
    await eventually("replicas are in step", 15_000, async () => {
      const info = await this.call(primary, "INFO", "replication");
      return info.match(/state=online/g)?.length === REPLICAS;
    });
    await Promise.all(Array.from({ length: SENTINELS }, () => this.#startSentinel(knownPort)));
    await eventually("sentinels know each other", 15_000, async () => {
      const states = await Promise.all(this.sentinels.map(({ port }) => this.#ask(port, "MASTER", MASTER_NAME)));
      return states.every(
        (state) => hasField(state, "num-other-sentinels", SENTINELS - 1) && hasField(state, "num-slaves", REPLICAS),
      );
    });
  }

  async primary(): Promise<RedisServer> {
    const named = await Promise.all(this.sentinels.map(({ port }) => this.#named(port)));
    const portOf = (each: number): number => (each === this.#front?.port ? (this.servers[0]?.port ?? 0) : each);
    const server = this.servers.find(({ port }) => named.every((each) => portOf(each) === port));
    if (server === undefined) throw new Error(`the sentinels name ${named.join(", ")}`);
    return server;
  }

  promoted(former: RedisServer): Promise<RedisServer> {
    return eventually("another primary", 30_000, async () => {
      const primary = await this.primary();
      return primary !== former && primary;
    });
  }

  async hide(server: RedisServer): Promise<void> {
    await this.call(server, "ACL", "SETUSER", SENTINEL_USER, "off");
    await this.call(server, "CLIENT", "KILL", "USER", SENTINEL_USER);
  }

  lag(): void {
    if (this.#front?.swallowReplies("PSYNC") !== REPLICAS) throw new Error("the replicas do not follow by way of us");
  }

  call(server: RedisServer, ...args: readonly string[]): Promise<string> {
    return redisCli(server.port, ...authOf(this.#options.password), ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.end("SIGKILL")));
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
    await Promise.all(this.#directories.map((directory) => rm(directory, { recursive: true, force: true })));
  }

  async #startServer(settings: readonly string[]): Promise<RedisServer> {
    const { password } = this.#options;
    const server = await openRedis({
      ...(password !== undefined && { password }),
      settings: [
        ...settings,
        "--replica-announce-ip",
        this.#host,
        ...SERVER_SETTINGS,
        ...(password === undefined ? [] : ["--masterauth", password]),
      ],
    });
    this.servers.push(server);
    await server.start();
    return server;
  }

  async #startSentinel(primaryPort: number): Promise<void> {
    const { downAfterMs = 500, sentinelPassword } = this.#options;
    const directory = await mkdtemp(join(tmpdir(), "belay-sentinel-"));
    this.#directories.push(directory);
    const port = await freePort();
    const path = join(directory, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${directory}`,
      "sentinel resolve-hostnames yes",
      `sentinel announce-hostnames ${this.#options.areNamed === true ? "yes" : "no"}`,
      `sentinel monitor ${MASTER_NAME} ${this.#host} ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
      `sentinel failover-timeout ${MASTER_NAME} 5000`,
      `sentinel auth-user ${MASTER_NAME} ${SENTINEL_USER}`,
      // It needs none, but without one no user is named.
      `sentinel auth-pass ${MASTER_NAME} any`,
      ...(sentinelPassword === undefined
        ? []
        : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
    ];
    await writeFile(path, `${lines.join("\n")}\n`);
    const process = new RedisProcess([path, "--sentinel"]);
    this.#processes.push(process);
    this.sentinels.push({ host: "127.0.0.1", port });
    await process.start();
  }

  get #host(): string {
    return this.#options.areNamed === true ? "localhost" : "127.0.0.1";
  }

  #ask(port: number, ...args: readonly string[]): Promise<string> {
    return redisCli(port, ...authOf(this.#options.sentinelPassword), "SENTINEL", ...args);
  }

  async #named(port: number): Promise<number> {
    return Number((await this.#ask(port, "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)).split("\n").at(-1));
  }
}

/** redis-cli prints a field and its value on two lines. */
function hasField(text: string, name: string, value: number): boolean {
  const lines = text.split("\n");
  return lines[lines.indexOf(name) + 1] === String(value);
}

function authOf(password: string | undefined): readonly string[] {
  return password === undefined ? [] : ["--no-auth-warning", "-a", password];
}
