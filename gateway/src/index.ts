export { createGateway } from "./app.ts";
export type { Addresses, Gateway, GatewayDeps } from "./gateway.ts";
export { type Clock, type Random, systemClock, systemRandom } from "./clock.ts";
export { checkConfig, type Config, type ParsedConfig, parseConfig } from "./config.ts";
export { silentLog } from "./log.ts";
export type { NodeIdentity } from "./node/node.ts";
export { loadSettings, type Settings, type SettingsSource } from "./settings.ts";
export { WatchedSettings } from "./settings-watch.ts";
