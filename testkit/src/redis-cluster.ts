import { eventually } from "./eventually.ts";
import { freePort } from "./free-port.ts";
import { endWithTest, openRedis, type RedisServer } from "./redis.ts";
import { redisCli } from "./redis-process.ts";

export interface ClusterOptions {
  /** Default 3. */
  readonly masters?: number;
  /** Of each master. Default 0. */
  readonly replicas?: number;
  /** Silence after which a node holds another one for dead. Default 1,000. */
  readonly nodeTimeoutMs?: number;
  readonly password?: string;
}

/** A Redis Cluster on 127.0.0.1. */
export interface RedisCluster extends AsyncDisposable {
  /** Masters first, as they were when it began. */
  readonly servers: readonly RedisServer[];
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The server that holds the slot of a key now, as it says itself. */
  ownerOf(key: string): Promise<RedisServer>;
  /** A master without slots. */
  addMaster(): Promise<RedisServer>;
  /** Marks a slot as on its way; nothing has moved yet. */
  beginMigration(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
  /** Moves the keys of the slot. */
  moveKeys(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
  endMigration(slot: number, from: RedisServer, to: RedisServer): Promise<void>;
  /** Moves the slot of a key with all its keys, as redis-cli does. */
  move(key: string, to: RedisServer): Promise<void>;
  /** From now on nodes and clients are told that this server is at that port. */
  announce(server: RedisServer, port: number): Promise<void>;
  call(server: RedisServer, ...args: readonly string[]): Promise<string>;
}

/** Started inside a test it ends with that test; elsewhere whoever started it disposes of it. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const cluster = new LocalCluster(options);
  endWithTest(cluster);
  try {
    await cluster.start();
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
  return cluster;
}

class LocalCluster implements RedisCluster {
  readonly servers: RedisServer[] = [];
  readonly #options: ClusterOptions;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  get nodes(): readonly { readonly host: string; readonly port: number }[] {
    return this.servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  async start(): Promise<void> {
    const { masters = 3, replicas = 0 } = this.#options;
    const count = masters * (1 + replicas);
    await Promise.all(Array.from({ length: count }, () => this.#startServer()));
    const first = this.#server(0);
    await this.call(
      first,
      "--cluster",
      "create",
      ...this.servers.map(({ port }) => `127.0.0.1:${port}`),
      "--cluster-replicas",
      String(replicas),
      "--cluster-yes",
    );
    await this.#agreed(count);
    if (replicas === 0) return;
    await eventually("replicas are in step", 20_000, async () => {
      const infos = await Promise.all(this.servers.map((server) => this.call(server, "INFO", "replication")));
      return infos.filter((info) => info.includes("master_link_status:up")).length === masters * replicas;
    });
  }

  async ownerOf(key: string): Promise<RedisServer> {
    const slot = await this.#slotOf(key);
    for (const server of this.servers) {
      const myself = await this.call(server, "CLUSTER", "NODES").catch(() => "");
      const ranges =
        myself
          .split("\n")
          .find((line) => line.includes("myself,master"))
          ?.split(" ")
          .slice(8) ?? [];
      const holds = ranges.some((range) => {
        const [from = -1, to = from] = range.split("-").map(Number);
        return from <= slot && slot <= to;
      });
      if (holds) return server;
    }
    throw new Error(`nobody holds slot ${slot}`);
  }

  async addMaster(): Promise<RedisServer> {
    const server = await this.#startServer();
    await this.call(
      this.#server(0),
      "--cluster",
      "add-node",
      `127.0.0.1:${server.port}`,
      `127.0.0.1:${this.#server(0).port}`,
    );
    await this.#agreed(this.servers.length);
    return server;
  }

  async beginMigration(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    const [fromId, toId] = [await this.call(from, "CLUSTER", "MYID"), await this.call(to, "CLUSTER", "MYID")];
    await this.call(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId);
    await this.call(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId);
  }

  async moveKeys(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    const { password } = this.#options;
    for (;;) {
      const keys = await this.call(from, "CLUSTER", "GETKEYSINSLOT", String(slot), "100");
      if (keys === "") return;
      const auth = password === undefined ? [] : ["AUTH", password];
      await this.call(
        from,
        "MIGRATE",
        "127.0.0.1",
        String(to.port),
        "",
        "0",
        "5000",
        ...auth,
        "KEYS",
        ...keys.split("\n"),
      );
    }
  }

  async endMigration(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
    const id = await this.call(to, "CLUSTER", "MYID");
    // As redis-cli does: the new owner first.
    await this.call(to, "CLUSTER", "SETSLOT", String(slot), "NODE", id);
    await this.call(from, "CLUSTER", "SETSLOT", String(slot), "NODE", id);
  }

  async move(key: string, to: RedisServer): Promise<void> {
    const [slot, from] = [await this.#slotOf(key), await this.ownerOf(key)];
    await this.beginMigration(slot, from, to);
    await this.moveKeys(slot, from, to);
    await this.endMigration(slot, from, to);
  }

  async announce(server: RedisServer, port: number): Promise<void> {
    await this.call(server, "CONFIG", "SET", "cluster-announce-port", String(port));
    await eventually("everybody knows the port", 10_000, async () => {
      const views = await Promise.all(this.servers.map((each) => this.call(each, "CLUSTER", "NODES")));
      return views.every((view) => view.includes(`127.0.0.1:${port}@`));
    });
  }

  call(server: RedisServer, ...args: readonly string[]): Promise<string> {
    const { password } = this.#options;
    const auth = password === undefined ? [] : ["--no-auth-warning", "-a", password];
    return redisCli(server.port, ...auth, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }

  async #startServer(): Promise<RedisServer> {
    const { nodeTimeoutMs = 1_000, password } = this.#options;
    const server = await openRedis({
      ...(password !== undefined && { password }),
      settings: [
        "--cluster-enabled",
        "yes",
        "--cluster-port",
        String(await freePort()),
        "--cluster-node-timeout",
        String(nodeTimeoutMs),
        "--repl-diskless-sync-delay",
        "0",
        ...(password === undefined ? [] : ["--masterauth", password]),
      ],
    });
    this.servers.push(server);
    await server.start();
    return server;
  }

  async #slotOf(key: string): Promise<number> {
    const slots = this.servers.map((server) => this.call(server, "CLUSTER", "KEYSLOT", key));
    return Number(await Promise.any(slots));
  }

  #server(index: number): RedisServer {
    const server = this.servers[index];
    if (server === undefined) throw new Error("the cluster is not started");
    return server;
  }

  async #agreed(count: number): Promise<void> {
    await eventually("all nodes know each other", 20_000, async () => {
      const infos = await Promise.all(this.servers.map((server) => this.call(server, "CLUSTER", "INFO")));
      return infos.every((info) => info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${count}`));
    });
  }
}
