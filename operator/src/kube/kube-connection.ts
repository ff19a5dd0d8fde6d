/**
 * Where the API server is and how to prove who we are. client-node finds kubeconfig files and in-cluster accounts and refreshes
 * tokens; it is imported here only, and only its configuration: its generated API classes cost half a second and 100 MB.
 */
import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { Agent, buildConnector } from "undici";

/** A bound account token lives for at least ten minutes; asking client-node this often keeps well inside that. */
const credentialsForMs = 30_000;
/** Calls beyond this many wait for a free connection: an operator must not flood an API server that is coming back. */
const callConnections = 16;

export interface KubeConnection {
  readonly server: string;
  /** For calls: every one ends within its time-out. */
  readonly calls: Agent;
  /** For watches: as many as there are, and silent ones are not cut here. */
  readonly watches: Agent;
  /** Authorization and impersonation headers. */
  headers(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

export interface KubeConnectionOptions {
  /** Kubeconfig file; absent: KUBECONFIG, the in-cluster account, or ~/.kube/config, as kubectl does. */
  readonly kubeconfigFile?: string;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** Rejects when no usable configuration is found. */
export async function openKubeConnection({ kubeconfigFile, nowMs }: KubeConnectionOptions): Promise<KubeConnection> {
  const config = new KubeConfig();
  if (kubeconfigFile === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfigFile);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("kubeconfig must name a current context with a cluster, was: none");

  let latest = await credentials(config);
  let refreshed: Promise<void> = Promise.resolve();
  let freshUntilMs = nowMs() + credentialsForMs;
  const refresh = async (): Promise<void> => {
    try {
      latest = await credentials(config);
    } catch {
      // Those we have may still be good; if not, the server says so.
    }
  };
  // Certificates are read anew as tokens are: each connection is made with the latest.
  const connect: buildConnector.connector = (options, callback) => {
    buildConnector({ ...latest.tls, allowH2: false, timeout: 5_000 })(options, callback);
  };
  // HTTP/2 multiplexes calls on one connection, and a half-open one then fails them all; HTTP/1.1 with two agents does not.
  const calls = new Agent({
    allowH2: false,
    connections: callConnections,
    connect,
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
  });
  const watches = new Agent({ allowH2: false, connect, headersTimeout: 15_000, bodyTimeout: 0 });
  return {
    server: cluster.server.replace(/\/+$/, ""),
    calls,
    watches,
    headers: async () => {
      if (nowMs() >= freshUntilMs) {
        freshUntilMs = nowMs() + credentialsForMs;
        refreshed = refresh();
      }
      await refreshed;
      return latest.headers;
    },
    close: async () => {
      await Promise.all([calls.destroy(), watches.destroy()]);
    },
  };
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Readonly<Record<string, unknown>>;
}

async function credentials(config: KubeConfig): Promise<Credentials> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name] = String(value);
  if (typeof options.auth === "string")
    headers["Authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  const { ca, cert, key, servername, rejectUnauthorized } = options;
  const given = Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return { headers, tls: Object.fromEntries(given) };
}
