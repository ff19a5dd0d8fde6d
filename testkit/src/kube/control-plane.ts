import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants, createWriteStream, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import {
  HttpKubeClient,
  type KubeClient,
  type KubeTimeouts,
  makeServingCertificate,
  type OnKubeRequest,
  openKubeConnection,
} from "@belay/operator/internal";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";

/**
 * The folder with etcd and kube-apiserver: BELAY_BIN, a folder of PATH (`make env` puts the cluster's there), or what `make up`
 * has built. Undefined on a machine that has none of them.
 */
export function controlPlaneBinaries(): string | undefined {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "belay");
  const candidates = [
    process.env["BELAY_BIN"] ?? [],
    (process.env["PATH"] ?? "").split(delimiter),
    listed(cache).map((key) => join(cache, key, "bin")),
  ].flat();
  return candidates.find((folder) => ["etcd", "kube-apiserver", "kubectl"].every((file) => isProgram(folder, file)));
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(folder: string, file: string): boolean {
  try {
    accessSync(join(folder, file), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `admin` may do everything, `nobody` only what everybody may. */
export type ControlPlaneUser = "admin" | "nobody";

export interface ControlPlaneClient extends AsyncDisposable {
  readonly client: KubeClient;
}

export interface ConnectOptions {
  /** Default: the admin's. */
  readonly kubeconfigFile?: string;
  readonly onRequest?: OnKubeRequest;
  readonly timeouts?: KubeTimeouts;
}

/**
 * etcd and kube-apiserver on free ports of 127.0.0.1 with a directory of their own: real authentication, RBAC, admission, watch
 * cache and aggregation, but no controllers and no nodes.
 */
export class ControlPlane implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;
  readonly #bin: string;
  readonly #etcdPort: number;
  readonly #peerPort: number;
  #etcd: ChildProcess | undefined;
  #apiServer: ChildProcess | undefined;

  private constructor(bin: string, directory: string, [port, etcdPort, peerPort]: readonly [number, number, number]) {
    this.#bin = bin;
    this.directory = directory;
    this.port = port;
    this.#etcdPort = etcdPort;
    this.#peerPort = peerPort;
  }

  static async start(bin: string): Promise<ControlPlane> {
    const directory = await mkdtemp(join(tmpdir(), "belay-control-plane-"));
    const plane = new ControlPlane(bin, directory, [await freePort(), await freePort(), await freePort()]);
    try {
      await plane.#writeFiles();
      plane.#startEtcd();
      await plane.startApiServer();
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
    return plane;
  }

  get kubectl(): string {
    return join(this.#bin, "kubectl");
  }

  kubeconfig(user: ControlPlaneUser = "admin"): string {
    return join(this.directory, `${user}.conf`);
  }

  /** A kubeconfig of the same user that goes through another port, for instance a proxy's. */
  async kubeconfigThrough(port: number, user: ControlPlaneUser = "admin"): Promise<string> {
    const file = join(this.directory, `${user}-${port}.conf`);
    await writeFile(file, kubeconfig(port, user));
    return file;
  }

  async connect({ kubeconfigFile, onRequest, timeouts }: ConnectOptions = {}): Promise<ControlPlaneClient> {
    const connection = await openKubeConnection({
      kubeconfigFile: kubeconfigFile ?? this.kubeconfig(),
      nowMs: () => performance.now(),
    });
    return {
      client: new HttpKubeClient(connection, onRequest, timeouts),
      [Symbol.asyncDispose]: () => connection.close(),
    };
  }

  /** Resolves when it is ready. */
  async startApiServer(): Promise<void> {
    const child = this.#spawn("kube-apiserver", this.#apiServerFlags());
    this.#apiServer = child;
    await using admin = await this.connect();
    await eventually("the API server is ready", 60_000, async () => {
      if (child.exitCode !== null) throw new Error(`kube-apiserver ended, see ${this.directory}/kube-apiserver.log`);
      return (await admin.client.get({ resource: namespaces, name: "kube-system" })) !== undefined;
    });
  }

  /** SIGKILL; resolves when the process is gone. */
  async killApiServer(): Promise<void> {
    await end(this.#apiServer);
  }

  /** SIGSTOP: sockets stay open and nothing answers. */
  pauseApiServer(): void {
    this.#apiServer?.kill("SIGSTOP");
  }

  resumeApiServer(): void {
    this.#apiServer?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#apiServer);
    await end(this.#etcd);
    await rm(this.directory, { recursive: true, force: true });
  }

  #startEtcd(): void {
    const client = `http://127.0.0.1:${this.#etcdPort}`;
    const peer = `http://127.0.0.1:${this.#peerPort}`;
    this.#etcd = this.#spawn("etcd", [
      `--data-dir=${this.directory}/etcd`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
    ]);
  }

  #apiServerFlags(): readonly string[] {
    const file = (name: string): string => join(this.directory, name);
    return [
      `--etcd-servers=http://127.0.0.1:${this.#etcdPort}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${this.port}`,
      `--tls-cert-file=${file("server.crt")}`,
      `--tls-private-key-file=${file("server.key")}`,
      `--token-auth-file=${file("tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.0.0.0/24",
      // Nobody reaches this server through its own Service.
      "--endpoint-reconciler-type=none",
      `--service-account-key-file=${file("sa.pub")}`,
      `--service-account-signing-key-file=${file("sa.key")}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--proxy-client-cert-file=${file("front-proxy.crt")}`,
      `--proxy-client-key-file=${file("front-proxy.key")}`,
      `--requestheader-client-ca-file=${file("front-proxy-ca.crt")}`,
      "--requestheader-allowed-names=front-proxy-client",
      "--requestheader-extra-headers-prefix=X-Remote-Extra-",
      "--requestheader-group-headers=X-Remote-Group",
      "--requestheader-username-headers=X-Remote-User",
    ];
  }

  async #writeFiles(): Promise<void> {
    const date = new Date();
    const server = await makeServingCertificate(["localhost", "kubernetes.default.svc"], date);
    const proxy = await makeServingCertificate(["front-proxy-client"], date, "clientAuth");
    const { publicKey, privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const files = {
      "ca.crt": server.ca,
      "server.crt": server.cert,
      "server.key": server.key,
      "front-proxy-ca.crt": proxy.ca,
      "front-proxy.crt": proxy.cert,
      "front-proxy.key": proxy.key,
      "sa.pub": publicKey,
      "sa.key": privateKey,
      "tokens.csv": 'admin-token,admin,1,"system:masters"\nnobody-token,nobody,2,\n',
      "admin.conf": kubeconfig(this.port, "admin"),
      "nobody.conf": kubeconfig(this.port, "nobody"),
    };
    for (const [name, text] of Object.entries(files))
      await writeFile(join(this.directory, name), text, { mode: 0o600 });
  }

  #spawn(program: string, flags: readonly string[]): ChildProcess {
    const child = spawn(join(this.#bin, program), flags, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(join(this.directory, `${program}.log`), { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once("close", () => log.end());
    // A test process that ends early must not leave a server behind.
    const kill = (): void => void child.kill("SIGKILL");
    process.once("exit", kill);
    child.once("exit", () => process.removeListener("exit", kill));
    return child;
  }
}

const namespaces = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false } as const;

function kubeconfig(port: number, user: ControlPlaneUser): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "it",
    clusters: [
      {
        name: "it",
        cluster: {
          server: `https://127.0.0.1:${port}`,
          // The certificate names hosts only.
          "tls-server-name": "localhost",
          "certificate-authority": "ca.crt",
        },
      },
    ],
    users: [{ name: user, user: { token: `${user}-token` } }],
    contexts: [{ name: "it", context: { cluster: "it", user } }],
  });
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
