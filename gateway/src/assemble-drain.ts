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
  readonly registry: Registry;
}

export function assembleDrain(parts: DrainParts): { readonly drainer: Drainer; readonly window: WindowKeeper } {
  const window = openWindow(parts);
  return { drainer: openDrainer(parts, window), window };
}

function openWindow({ settings, deps, table, registry }: DrainParts): WindowKeeper {
  return new WindowKeeper({
    ...deps.identity,
    registry,
    clients: () => table.open.size,
    handshakesPerSecond: () => settings.current.config.limits.handshakesPerSecond,
    onChanged: (ms) => tellWindow(table.open, ms),
  });
}

function openDrainer({ settings, deps, table, metrics }: DrainParts, window: WindowKeeper): Drainer {
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
