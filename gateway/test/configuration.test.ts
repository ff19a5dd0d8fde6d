import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually, startGateway, TestClient } from "@belay/testkit";
import { expect, test } from "vitest";

const reloads = async (httpUrl: string, outcome: string): Promise<number> => {
  const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
  return Number(new RegExp(`config_reloads_total\\{outcome="${outcome}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
};

test("a changed limit acts on open connections within seconds and closes none", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.connect(gateway.url);
  expect((await client.call({ subscribe: { channel: "a" } })).error).toBeUndefined();
  await gateway.reconfigure({ limits: { maxChannelsPerConnection: 1 } });
  await eventually("taken", 5000, async () => (await reloads(gateway.httpUrl, "accepted")) === 1);
  expect((await client.call({ subscribe: { channel: "b" } })).error?.code).toBe(106);
});

test("a configuration with a problem is refused as a whole and the old one stays", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.connect(gateway.url);
  await gateway.reconfigure({ limits: { maxChannelsPerConnection: 1, maxConnections: -5 } });
  await eventually("refused", 5000, async () => (await reloads(gateway.httpUrl, "refused")) === 1);
  await gateway.writeConfig("{");
  await eventually("refused again", 5000, async () => (await reloads(gateway.httpUrl, "refused")) === 2);
  for (const channel of ["a", "b"]) expect((await client.call({ subscribe: { channel } })).error).toBeUndefined();
  await gateway.reconfigure({ limits: { maxChannelsPerConnection: 1 } });
  await eventually("taken", 5000, async () => (await reloads(gateway.httpUrl, "accepted")) === 1);
  expect(await reloads(gateway.httpUrl, "refused")).toBe(2);
});

test("a start with a bad configuration names every problem and exits with 2", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "belay-config-")), "gateway.json");
  await writeFile(
    path,
    JSON.stringify({
      listen: { port: 70_000 },
      broker: { type: "kafka" },
      heartbeat: { pingIntervalMs: 1000, pongTimeoutMs: 2000 },
      colour: "red",
    }),
  );
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@belay/source", main, "--config", path], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const lines: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => lines.push(chunk));
  const [code] = (await once(child, "close")) as [number];
  expect(Buffer.concat(lines).toString().trim().split("\n").toSorted()).toEqual([
    'broker.type must be {"type":"memory"} or {"type":"redis","urlFile":…}, was: {"type":"kafka"}',
    "colour must be a known key",
    'heartbeat.pongTimeoutMs must be below pingIntervalMs, was: {"pingIntervalMs":1000,"pongTimeoutMs":2000}',
    "listen.port must be an integer from 0 to 65535, was: 70000",
  ]);
  expect(code).toBe(2);
});
