/** The drainer with what it tells metrics and the log. */
import type { ConnectionTable } from "./connection/connection-table.ts";
import { Drainer } from "./drain/drainer.ts";
import type { GatewayDeps } from "./gateway.ts";
import type { Metrics } from "./http/metrics.ts";
import type { SettingsSource } from "./settings.ts";

interface DrainParts {
  readonly settings: SettingsSource;
  readonly deps: GatewayDeps;
  readonly table: ConnectionTable;
  readonly metrics: () => Metrics;
}

export function assembleDrain({ settings, deps, table, metrics }: DrainParts): Drainer {
  const { clock, random, log } = deps;
  return new Drainer({
    clock,
    random,
    open: () => table.open,
    sockets: () => table.size,
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
