import { openRedisRegistry } from "@belay/gateway/internal";
import { testRuntime } from "./redis-test-runtime.ts";

// A pod that registers entries, says so, and waits to be killed: `node redis-registry-pod.ts URL UID COUNT TIMING-JSON`.
const [url = "", podUid = "", count = "0", timing = "{}"] = process.argv.slice(2);
const registry = openRedisRegistry({
  url,
  prefix: "t:",
  podUid,
  revision: "r",
  timing: JSON.parse(timing) as object,
  ...testRuntime(),
});
await registry.start();
for (let index = 0; index < Number(count); index += 1)
  void registry.add({ user: `user-${index % 100}`, client: `${podUid}-${index}` });
await registry.flush(5_000);
console.log("registered");
