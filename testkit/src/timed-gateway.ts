// The gateway as `main.ts` runs it, with other times of leases: `node timed-gateway.ts --config FILE --lease JSON`.
import { parseArgs } from "node:util";
import { createGateway, loadSettings, systemClock, systemRandom, WatchedSettings } from "@belay/gateway";
import { createLog } from "@belay/gateway/internal";

const { values } = parseArgs({ options: { config: { type: "string" }, lease: { type: "string" } } });
const { config = "", lease = "{}" } = values;
const loaded = await loadSettings(config);
if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
const podUid = process.env["POD_UID"] ?? "";
const gateway = createGateway(new WatchedSettings(config, loaded), {
  clock: systemClock,
  random: systemRandom,
  log: createLog(loaded.settings.config.logLevel, podUid),
  identity: { podUid, podName: podUid, revision: "" },
  leaseTiming: JSON.parse(lease) as object,
});
await gateway.listen();
