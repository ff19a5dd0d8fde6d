import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Stops or starts the API server of the cluster under test, the way a person would. */
async function verb(name: "stop-apiserver" | "start-apiserver"): Promise<void> {
  const cluster = process.env["BELAY_CLUSTER"];
  if (cluster === undefined)
    throw new Error("BELAY_CLUSTER must name the cluster under test, as `make env` exports it");
  await run(process.execPath, ["--conditions=@belay/source", "e2e/cluster/main.ts", name], {
    env: { ...process.env, CLUSTER: cluster, PROVIDER: process.env["BELAY_PROVIDER"] },
  });
}

export function stopApiServer(): Promise<void> {
  return verb("stop-apiserver");
}

export function startApiServer(): Promise<void> {
  return verb("start-apiserver");
}
