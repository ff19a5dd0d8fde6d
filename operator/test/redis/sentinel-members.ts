/** Redis servers and sentinels as pods start them: by the scripts of the ConfigMap, with real processes on ports of 127.0.0.1. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eventually, freePort } from "@belay/testkit";
import { onTestFinished } from "vitest";
import { specSchema } from "../../src/api/v1alpha1/schema.ts";
import type { RealtimeCluster } from "../../src/api/v1alpha1/realtime-cluster.ts";
import { redisNodesConfig } from "../../src/resources/redis-nodes.ts";
import { redisNodesAuth } from "../../src/resources/redis-password.ts";
import { scriptEnvironment } from "../../src/resources/sentinel-topology.ts";

const execute = promisify(execFile);
/** Before it is changed. */
export const FIRST_PASSWORD = "secret-of-all";

export interface MembersOptions {
  readonly persistent?: boolean;
  /** Seconds a node without data waits for another to be promoted. */
  readonly patience?: number;
}

function clusterOf(persistent: boolean): RealtimeCluster {
  const redis = {
    type: "managed",
    mode: "sentinel",
    failover: { downAfterMs: 1_000, minReplicasToWrite: 0 },
    ...(persistent && { persistence: { size: "1Gi" } }),
  };
  return {
    metadata: { name: "chat", namespace: "shop", uid: "5a0c0f5e-0000-4000-8000-00000000cafe", generation: 1 },
    spec: specSchema.parse({ redis }),
    status: {},
  };
}

/** What every pod has of the Secret. */
export class MountedSecret {
  readonly #directory: string;
  password = "";

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The first is the password, and all of them count for servers that start from now on. */
  async write(passwords: readonly [string, ...string[]]): Promise<void> {
    this.password = passwords[0];
    await writeFile(join(this.#directory, "password"), this.password);
    await writeFile(join(this.#directory, "auth.conf"), redisNodesAuth(passwords));
  }
}

/** One process: what a pod is to the others. */
export class Member {
  readonly port: number;
  readonly dir: string;
  readonly #script: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #secret: MountedSecret;
  #process: ChildProcess | undefined;

  constructor(
    script: string,
    at: { readonly port: number; readonly dir: string },
    env: Readonly<Record<string, string>>,
    secret: MountedSecret,
  ) {
    this.#script = script;
    this.port = at.port;
    this.dir = at.dir;
    this.#env = env;
    this.#secret = secret;
  }

  async start(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    const env = { ...process.env, ...this.#env, SELF: `127.0.0.1:${this.port}`, DATA_DIR: this.dir };
    const log = process.env["MEMBER_LOG"] === undefined ? "ignore" : "inherit";
    this.#process = spawn("/bin/sh", [this.#script], { env, stdio: ["ignore", log, log], detached: true });
  }

  /** SIGKILL for the whole group, and the directory gone with it where there is no volume. */
  async kill(keepsData: boolean): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit");
      process.kill(-child.pid, "SIGKILL");
      await gone;
    }
    if (!keepsData) await rm(this.dir, { recursive: true, force: true });
  }

  /** Lines of the reply; rejects while nothing answers. */
  async ask(...command: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await execute("redis-cli", ["-p", String(this.port), ...command], {
      env: { ...process.env, REDISCLI_AUTH: this.#secret.password },
      timeout: 5_000,
    });
    return stdout.trim().split("\n");
  }

  /** A script beside the running process, as a probe or a hook of the pod. */
  async run(script: string): Promise<void> {
    const env = { ...process.env, ...this.#env, SELF: `127.0.0.1:${this.port}`, DATA_DIR: this.dir };
    await execute("/bin/sh", [script], { env, timeout: 30_000 });
  }

  /** Whether the probe says so. */
  async isReady(probe: string): Promise<boolean> {
    try {
      await this.run(probe);
      return true;
    } catch {
      // A probe says no by its exit code.
      return false;
    }
  }
}

export class Members {
  readonly nodes: readonly Member[];
  readonly sentinels: readonly Member[];
  readonly probe: string;
  readonly stop: string;
  readonly secret: MountedSecret;

  constructor(
    nodes: readonly Member[],
    sentinels: readonly Member[],
    { secret, ...scripts }: { readonly probe: string; readonly stop: string; readonly secret: MountedSecret },
  ) {
    this.secret = secret;
    this.nodes = nodes;
    this.sentinels = sentinels;
    this.probe = scripts.probe;
    this.stop = scripts.stop;
  }

  get all(): readonly Member[] {
    return [...this.nodes, ...this.sentinels];
  }

  async role(node: Member): Promise<string> {
    return (await node.ask("ROLE"))[0] ?? "";
  }

  /**
   * Sets a key on the primary and waits until the replicas have it, in their files too where they keep some: what they lack is gone
   * with the primary. A replica that has just synchronised writes its file anew first.
   */
  async store(primary: Member, key: string, value: string): Promise<void> {
    await primary.ask("SET", key, value);
    await eventually("all have it", 20_000, async () => {
      const values = await Promise.all(this.nodes.map((node) => node.ask("GET", key)));
      const files = await Promise.all(this.nodes.map(hasWrittenAll));
      return values.every(([stored]) => stored === value) && files.every(Boolean);
    });
  }

  /** The one primary, when two replicas follow it and every sentinel names it. */
  async settled(withinMs: number): Promise<Member> {
    return eventually("one primary, two replicas, sentinels that agree", withinMs, async () => {
      const roles = await Promise.all(this.nodes.map((node) => node.ask("ROLE")));
      const primaries = this.nodes.filter((_, at) => roles[at]?.[0] === "master");
      const replicas = roles.filter(([role, , , link]) => role === "slave" && link === "connected");
      const named = await Promise.all(
        this.sentinels.map((each) => each.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "belay")),
      );
      const [primary] = primaries;
      if (primary === undefined || primaries.length !== 1 || replicas.length !== 2) return undefined;
      return named.every(([, port]) => port === String(primary.port)) ? primary : undefined;
    });
  }
}

async function hasWrittenAll(node: Member): Promise<boolean> {
  const lines = new Set((await node.ask("INFO", "persistence")).map((line) => line.trim()));
  if (lines.has("aof_enabled:0")) return true;
  return ["aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0", "aof_buffer_length:0"].every((line) =>
    lines.has(line),
  );
}

/** Ended with the test. */
export async function sentinelMembers({ persistent = false, patience = 60 }: MembersOptions = {}): Promise<Members> {
  const root = await mkdtemp(join(tmpdir(), "belay-sentinel-"));
  const cluster = clusterOf(persistent);
  const files = redisNodesConfig(cluster)["data"] as Readonly<Record<string, string>>;
  const secret = new MountedSecret(root);
  await secret.write([FIRST_PASSWORD]);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(root, name), text.replace("/etc/redis/auth", root).replace("bind * -::*", "bind 127.0.0.1"));
  }
  const ports = await Promise.all(Array.from({ length: 6 }, freePort));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const given = Object.fromEntries(
    scriptEnvironment(cluster, "chat-redis-nodes", 6379).map(({ name, value }) => [name, String(value)]),
  );
  const env = {
    ...given,
    NODES: addresses.slice(0, 3).join(" "),
    SENTINELS: addresses.slice(3).join(" "),
    PATIENCE: String(patience),
    CONFIG_FILE: join(root, "redis.conf"),
    AUTH_DIR: root,
  };
  // "/data" of the configuration is of the pod; the script's own option counts.
  await writeFile(
    join(root, "redis.conf"),
    (files["redis.conf"] ?? "").replace("dir /data\n", "").replace("/etc/redis/auth", root),
  );
  const member = (script: string, at: number): Member =>
    new Member(join(root, script), { port: ports[at] ?? 0, dir: join(root, `member-${at}`) }, env, secret);
  const members = new Members(
    [0, 1, 2].map((at) => member("start-node.sh", at)),
    [3, 4, 5].map((at) => member("start-sentinel.sh", at)),
    { probe: join(root, "probe-node.sh"), stop: join(root, "stop-node.sh"), secret },
  );
  onTestFinished(async () => {
    await Promise.all(members.all.map((each) => each.kill(false)));
    await rm(root, { recursive: true, force: true });
  });
  return members;
}
