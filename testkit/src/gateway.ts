import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  type Clock,
  createGateway,
  type Gateway,
  type GatewayDeps,
  loadSettings,
  type NodeIdentity,
  silentLog,
  systemClock,
  systemRandom,
  WatchedSettings,
} from "@belay/gateway";
import type { LeaseTiming } from "@belay/gateway/internal";
import type { GatewayConfig } from "@belay/protocol/control";

/** Where a gateway is and what opens its doors. */
export interface GatewayAccess {
  /** `ws://…/connection/websocket`. */
  readonly url: string;
  /** `http://…` of the client port, without a path. */
  readonly httpUrl: string;
  /** `http://…` of the control port, without a path. */
  readonly controlUrl: string;
  readonly apiKey: string;
  readonly controlToken: string;
  readonly hmacSecret: string;
  readonly podUid: string;
  /** Replaces the configuration file as Kubernetes does, by a rename. Fields left out get their test default. */
  reconfigure(config: GatewayConfig): Promise<void>;
  /** Replaces the configuration file by any text. */
  writeConfig(text: string): Promise<void>;
  setTraffic(traffic: "on" | "off"): Promise<void>;
}

export interface RunningGateway extends GatewayAccess, AsyncDisposable {
  readonly gateway: Gateway;
}

export interface GatewayProcess extends GatewayAccess, AsyncDisposable {
  readonly process: ChildProcess;
  /** Log lines so far, parsed. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves with the exit code; null after a signal. */
  readonly exited: Promise<number | null>;
}

export interface GatewayTestOptions {
  readonly config?: GatewayConfig;
  /** With a URL the broker and registry are Redis. */
  readonly redisUrl?: string;
  /** Begins every key in Redis. */
  readonly prefix?: string;
  /** Of the broker in Redis. */
  readonly durability?: "fast" | "replicated";
  readonly podUid?: string;
  readonly revision?: string;
  readonly clock?: Clock;
  /** Other times of leases than the documented ones. */
  readonly leaseTiming?: Partial<LeaseTiming>;
  /** Other times of the broker, for a gateway inside this process. */
  readonly brokerTiming?: GatewayDeps["brokerTiming"];
  /** Other times of handovers, for a gateway inside this process. */
  readonly takeoverTiming?: GatewayDeps["takeoverTiming"];
}

const API_KEY = "test-api-key";
const CONTROL_TOKEN = "test-control-token";
const HMAC_SECRET = "test-hmac-secret-of-at-least-64-bytes-for-hs512-0123456789abcdefgh";

/** The files of one gateway in a directory of its own. */
class GatewayFiles implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: GatewayTestOptions;

  private constructor(directory: string, options: GatewayTestOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  static async create(options: GatewayTestOptions): Promise<GatewayFiles> {
    const files = new GatewayFiles(await mkdtemp(join(tmpdir(), "belay-gateway-")), options);
    await files.#write("api-key", API_KEY);
    await files.#write("control-token", CONTROL_TOKEN);
    await files.#write("hmac", HMAC_SECRET);
    await files.#write("redis-url", options.redisUrl ?? "none");
    await files.setTraffic("on");
    await files.reconfigure(options.config ?? {});
    return files;
  }

  get configPath(): string {
    return this.#path("gateway.json");
  }

  async reconfigure(config: GatewayConfig): Promise<void> {
    const { prefix = "test:", durability } = this.#options;
    const redis = {
      type: "redis",
      urlFile: this.#path("redis-url"),
      prefix,
      ...(durability !== undefined && { durability }),
    } as const;
    const complete: GatewayConfig = {
      ...config,
      listen: { host: "127.0.0.1", port: 0, ...config.listen },
      control: { host: "127.0.0.1", port: 0, tokenFile: this.#path("control-token"), ...config.control },
      auth: { anonymous: true, hmacSecretFile: this.#path("hmac"), ...config.auth },
      // Tests send as fast as they can; those of the limits set their own.
      limits: {
        commandsPerSecond: 100_000,
        commandBurst: 100_000,
        rpcPerSecond: 100_000,
        rpcBurst: 100_000,
        handshakesPerSecond: 100_000,
        handshakeBurst: 100_000,
        bytesPerSecond: 100_000_000,
        emulationRequestsPerSecond: 100_000,
        emulationBurst: 100_000,
        maxConnectionsPerUser: 0,
        ...config.limits,
      },
      api: { keyFile: this.#path("api-key"), ...config.api },
      broker: config.broker ?? (this.#options.redisUrl === undefined ? { type: "memory" } : redis),
      podLabelsFile: this.#path("labels"),
    };
    await this.writeConfig(JSON.stringify(complete));
  }

  async writeConfig(text: string): Promise<void> {
    await this.#write("gateway.json", text);
  }

  async setTraffic(traffic: "on" | "off"): Promise<void> {
    await this.#write("labels", `app="gateway"\nbelay.dev/traffic="${traffic}"`);
  }

  async #write(name: string, text: string): Promise<void> {
    await writeFile(this.#path(`${name}.new`), text);
    await rename(this.#path(`${name}.new`), this.#path(name));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

let started = 0;

function identityOf({ podUid, revision }: GatewayTestOptions): NodeIdentity {
  started += 1;
  return { podUid: podUid ?? `pod-${started}`, podName: `gateway-${started}`, revision: revision ?? "r1" };
}

/** A gateway inside this process, on ports the system chose. */
export async function startGateway(options: GatewayTestOptions = {}): Promise<RunningGateway> {
  const files = await GatewayFiles.create(options);
  const loaded = await loadSettings(files.configPath);
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  const settings = new WatchedSettings(files.configPath, loaded);
  const identity = identityOf(options);
  const gateway = createGateway(settings, {
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log: silentLog(),
    identity,
    ...(options.leaseTiming !== undefined && { leaseTiming: options.leaseTiming }),
    ...(options.takeoverTiming !== undefined && { takeoverTiming: options.takeoverTiming }),
    ...(options.brokerTiming !== undefined && { brokerTiming: options.brokerTiming }),
  });
  const { clientPort, controlPort } = await gateway.listen();
  return {
    ...access(files, { clientPort, controlPort, podUid: identity.podUid }),
    gateway,
    [Symbol.asyncDispose]: async () => {
      settings[Symbol.dispose]();
      await gateway.close();
      await files[Symbol.asyncDispose]();
    },
  };
}

const MAIN = fileURLToPath(new URL("../../gateway/src/main.ts", import.meta.url));
const TIMED_MAIN = fileURLToPath(new URL("timed-gateway.ts", import.meta.url));

/** A gateway as a process of its own, as in a pod. */
export async function startGatewayProcess(options: GatewayTestOptions = {}): Promise<GatewayProcess> {
  const files = await GatewayFiles.create(options);
  const { podUid, podName, revision } = identityOf(options);
  const { leaseTiming } = options;
  const program = leaseTiming === undefined ? [MAIN] : [TIMED_MAIN, "--lease", JSON.stringify(leaseTiming)];
  const child = spawn(process.execPath, ["--conditions=@belay/source", ...program, "--config", files.configPath], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, POD_UID: podUid, POD_NAME: podName, BELAY_REVISION: revision },
  });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const log: Record<string, unknown>[] = [];
  const ports = await listenedPorts(child, log, exited);
  return {
    ...access(files, { ...ports, podUid }),
    process: child,
    log,
    exited,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
      await files[Symbol.asyncDispose]();
    },
  };
}

interface Ports {
  readonly clientPort: number;
  readonly controlPort: number;
}

async function listenedPorts(
  child: ChildProcess,
  log: Record<string, unknown>[],
  exited: Promise<number | null>,
): Promise<Ports> {
  const { promise, resolve } = Promise.withResolvers<Ports>();
  if (child.stdout === null) throw new Error("the gateway's output must be piped");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const entry = JSON.parse(line) as Record<string, unknown>;
    log.push(entry);
    if (entry["msg"] === "gateway listens") resolve(entry as unknown as Ports);
  });
  const ended = exited.then((code) => {
    throw new Error(`gateway exited with ${String(code)} before it listened`);
  });
  return Promise.race([promise, ended]);
}

function access(
  files: GatewayFiles,
  { clientPort, controlPort, podUid }: Ports & { readonly podUid: string },
): GatewayAccess {
  return {
    url: `ws://127.0.0.1:${clientPort}/connection/websocket`,
    httpUrl: `http://127.0.0.1:${clientPort}`,
    controlUrl: `http://127.0.0.1:${controlPort}`,
    apiKey: API_KEY,
    controlToken: CONTROL_TOKEN,
    hmacSecret: HMAC_SECRET,
    podUid,
    reconfigure: (config) => files.reconfigure(config),
    writeConfig: (text) => files.writeConfig(text),
    setTraffic: (traffic) => files.setTraffic(traffic),
  };
}

/** Calls a method of the server API; the parsed answer. */
export async function callApi(gateway: GatewayAccess, method: string, body: unknown): Promise<unknown> {
  const response = await fetch(`${gateway.httpUrl}/api/${method}`, {
    method: "POST",
    headers: { "X-API-Key": gateway.apiKey },
    body: JSON.stringify(body),
  });
  return response.json();
}

/** Calls the control port with its token. */
export function callControl(gateway: GatewayAccess, path: string, body?: unknown): Promise<Response> {
  return fetch(`${gateway.controlUrl}${path}`, {
    headers: { Authorization: `Bearer ${gateway.controlToken}` },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
}
