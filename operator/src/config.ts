/** The operator's settings, read once from the environment; every problem is reported at once as "KEY must be rule, was: value". */
import { z } from "zod";

export interface OperatorConfig {
  /** Namespaces that are served; empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly podName: string;
  /** Where the operator itself runs: its Lease, its Service and the certificate of the metrics API are there. */
  readonly podNamespace: string;
  /** Image of clusters that name none. */
  readonly gatewayImage: string;
  readonly redisImage: string;
  readonly leaseName: string;
  /** /healthz, /readyz and /metrics. */
  readonly httpPort: number;
  readonly metricsApi: {
    /** Serve custom.metrics.k8s.io and own its APIService. */
    readonly enabled: boolean;
    readonly port: number;
    /** Service in podNamespace through which the API server reaches the port. */
    readonly serviceName: string;
    /** ClusterRole of the chart that owns the APIService, so that uninstalling collects it. */
    readonly ownerClusterRole: string;
  };
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: OperatorConfig }
  | { readonly ok: false; readonly problems: readonly string[] };

const name = z
  .string("must be set")
  .regex(/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/, "must be the name of a Kubernetes object");
const image = z.string("must be set").regex(/^\S+$/, "must be an image");

function port(fallback: number): z.ZodType<number> {
  const rule = "must be a port from 1 to 65535";
  return z.coerce.number(rule).int(rule).min(1, rule).max(65_535, rule).default(fallback);
}

const namespaces = z
  .string()
  .default("")
  .transform((text) => text.split(",").map((each) => each.trim()))
  .transform((list) => [...new Set(list.filter((each) => each !== ""))].sort())
  .refine(
    (list) => list.every((each) => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(each)),
    "must be namespaces separated by commas",
  );

const schema = z.object({
  WATCH_NAMESPACES: namespaces,
  POD_NAME: name,
  POD_NAMESPACE: name,
  GATEWAY_IMAGE: image,
  REDIS_IMAGE: image,
  LEASE_NAME: name.default("belay-operator"),
  HTTP_PORT: port(8080),
  METRICS_API: z.enum(["true", "false"], "must be true or false").default("false"),
  METRICS_API_PORT: port(6443),
  METRICS_API_SERVICE: name.default("belay"),
  METRICS_API_OWNER: name.default("belay"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"], "must be debug, info, warn or error").default("info"),
});

/** Empty variables count as absent, because charts write them so. */
export function parseConfig(environment: Readonly<Record<string, string | undefined>>): ParsedConfig {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => {
      const key = path.join(".");
      return `${key} ${message}, was: ${given[key] ?? "nothing"}`;
    });
    return { ok: false, problems };
  }
  const { data } = parsed;
  return {
    ok: true,
    config: {
      watchNamespaces: data.WATCH_NAMESPACES,
      podName: data.POD_NAME,
      podNamespace: data.POD_NAMESPACE,
      gatewayImage: data.GATEWAY_IMAGE,
      redisImage: data.REDIS_IMAGE,
      leaseName: data.LEASE_NAME,
      httpPort: data.HTTP_PORT,
      metricsApi: {
        enabled: data.METRICS_API === "true",
        port: data.METRICS_API_PORT,
        serviceName: data.METRICS_API_SERVICE,
        ownerClusterRole: data.METRICS_API_OWNER,
      },
      logLevel: data.LOG_LEVEL,
    },
  };
}
