/** The drainer and the reconnect window, with what they ask and tell. */
import type { ConnectionTable } from "./connection/connection-table.ts";
import { Drainer } from "./drain/drainer.ts";
import type { GatewayDeps } from "./gateway.ts";
import { tellWindow } from "./handlers/tell-window.ts";
import type { Metrics } from "./http/metrics.ts";
import { WindowKeeper } from "./node/window-keeper.ts";
import type { Registry } from "./registry/registry.ts";
import type { SettingsSource } from "./settings.ts";

interface DrainParts {
  readonly settings: SettingsSource;
  readonly deps: GatewayDeps;
  readonly table: ConnectionTable;
  readonly metrics: () => Metrics;
  readonly window: WindowKeeper;
}

export function assembleWindow({
  settings,
  deps,
  table,
  registry,
}: Pick<DrainParts, "settings" | "deps" | "table"> & { readonly registry: Registry }): WindowKeeper {
  return new WindowKeeper({
    ...deps.identity,
    registry,
    clients: () => table.open.size,
    handshakesPerSecond: () => settings.current.config.limits.handshakesPerSecond,
    onChanged: (ms) => tellWindow(table.open, ms),
  });
}

export function assembleDrain({ settings, deps, table, metrics, window }: DrainParts): Drainer {
  const { clock, random, log } = deps;
  return new Drainer({
    clock,
    random,
    open: () => table.open,
    sockets: () => table.size,
    capacityPerSecond: () => window.drainCapacity,
    isTrafficOff: () => settings.current.isTrafficOff,
    observer: {
      onGoaway: () => metrics().drain.onGoaway(),
      onGone: (how) => metrics().drain.onGone(how),
      onEnd: (report) => {
        metrics().drain.onEnd(report.outcome);
        log.info({ ...report }, "drain ended");
      },
    },
  });
}
