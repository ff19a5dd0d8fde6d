export * from "./api-config.ts";
export * from "./auth-config.ts";
export * from "./broker-config.ts";
export * from "./channels-config.ts";
export * from "./drain.ts";
export * from "./gateway-config.ts";
export * from "./hooks-config.ts";
export * from "./handover-config.ts";
export * from "./inbox-config.ts";
export * from "./labels.ts";
export * from "./limits-config.ts";
export * from "./load-report.ts";
export * from "./stable-hash.ts";
export * from "./sweep.ts";
export * from "./proxies-config.ts";
export * from "./tls-config.ts";
export * from "./transports-config.ts";

/** Ports of a gateway pod. */
export const CLIENT_PORT = 8000;
export const CONTROL_PORT = 8001;
