import type { AuthConfig } from "./auth-config.ts";
import type { ApiConfig } from "./api-config.ts";
import type { BrokerConfig } from "./broker-config.ts";
import type { ChannelsConfig } from "./channels-config.ts";
import type { HooksConfig } from "./hooks-config.ts";
import type { HandoverConfig } from "./handover-config.ts";
import type { InboxConfig } from "./inbox-config.ts";
import type { LimitsConfig } from "./limits-config.ts";
import type { ProxiesConfig } from "./proxies-config.ts";
import type { TlsConfig } from "./tls-config.ts";
import type { TransportsConfig } from "./transports-config.ts";

/**
 * The file a gateway reads (`--config FILE`, JSON). The operator writes it into a ConfigMap; a person may write it by hand.
 * Every field but `revision` has a default in the gateway (gateway/src/config.ts); fields marked *hot* act on a running gateway
 * within seconds of a change, the others at the next start.
 */
export interface GatewayConfig {
  readonly transports?: TransportsConfig;
  readonly tls?: TlsConfig;
  readonly proxies?: ProxiesConfig;
  /** Client port and address. Default `0.0.0.0:8000`. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Control port: /load, /drain, /sweep and, as on the client port, /healthz, /readyz, /metrics. Default port 8001. */
  readonly control?: { readonly host?: string; readonly port?: number; readonly tokenFile?: string };
  readonly auth?: AuthConfig;
  /** *hot* Keys of the server API. Without one the API answers 401 to everything. */
  readonly api?: ApiConfig;
  readonly channels?: ChannelsConfig;
  readonly hooks?: HooksConfig;
  readonly inbox?: InboxConfig;
  readonly handover?: HandoverConfig;
  readonly broker?: BrokerConfig;
  readonly drain?: {
    /** *hot* Connections closed per second on SIGTERM, and the least rate of any drain. Default 100. */
    readonly ratePerSecond?: number;
    /** *hot* Seconds a SIGTERM drain may take; the operator keeps it below the pod's grace period. Default 25. */
    readonly deadlineSeconds?: number;
  };
  readonly limits?: LimitsConfig;
  readonly heartbeat?: {
    /** *hot* Default 25,000. */
    readonly pingIntervalMs?: number;
    /** *hot* Default 8,000. */
    readonly pongTimeoutMs?: number;
  };
  /** Downward API file with the pod's labels; `belay.dev/traffic="off"` in it closes the drain gate, also after a restart. */
  readonly podLabelsFile?: string;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
}
