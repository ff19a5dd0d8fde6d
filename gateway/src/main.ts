// First of all: a signal that nobody listens to is lost for a process that is the first one of its container.
import { stopped } from "./stop-signal.ts";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { parseArgs } from "node:util";
import type { Logger } from "pino";
import { createGateway } from "./app.ts";
import { systemClock, systemRandom } from "./clock.ts";
import type { Gateway } from "./gateway.ts";
import { createLog } from "./log.ts";
import { loadSettings } from "./settings.ts";
import { WatchedSettings } from "./settings-watch.ts";

const { values } = parseArgs({ options: { config: { type: "string" } } });
await run(values.config);

async function run(path: string | undefined): Promise<void> {
  const loaded =
    path === undefined ? { ok: false as const, problems: ["--config must be given"] } : await loadSettings(path);
  if (path === undefined || !loaded.ok) {
    for (const problem of loaded.ok ? [] : loaded.problems) console.error(problem);
    process.exitCode = 2;
    return;
  }
  using settings = new WatchedSettings(path, loaded);
  const podName = process.env["POD_NAME"] ?? hostname();
  const log = createLog(loaded.settings.config.logLevel, podName);
  failOnBugs(log);
  const identity = {
    podUid: process.env["POD_UID"] ?? randomUUID(),
    podName,
    revision: process.env["BELAY_REVISION"] ?? "",
  };
  const gateway = createGateway(settings, { clock: systemClock, random: systemRandom, log, identity });
  await gateway.listen();
  await stopped;
  log.info("stopping");
  await stop(gateway);
}

async function stop(gateway: Gateway): Promise<void> {
  await gateway.drain();
  await gateway.close();
}

/** A fault nobody handled has left the process in an unknown state: it ends, and its clients come back elsewhere. */
function failOnBugs(log: Logger): void {
  const fail = (error: unknown): void => {
    log.fatal({ err: error }, "unhandled fault");
    process.exit(70);
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
}
