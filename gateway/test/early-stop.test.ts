import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

test("[DRN6] SIGTERM that comes while the gateway starts is not lost", async () => {
  const directory = await mkdtemp(join(tmpdir(), "belay-early-stop-"));
  const path = join(directory, "gateway.json");
  const local = { host: "127.0.0.1", port: 0 };
  // Nobody listens there: the start waits for Redis a while.
  await writeFile(join(directory, "url"), "redis://127.0.0.1:1");
  const broker = { type: "redis", urlFile: join(directory, "url") };
  await writeFile(path, JSON.stringify({ listen: local, control: local, broker }));
  const child = spawn(process.execPath, ["--conditions=@belay/source", MAIN, "--config", path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit") as Promise<[number | null, string | null]>;
  const told: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    told.push((JSON.parse(line) as { msg: string }).msg);
    if (told.length === 1) child.kill("SIGTERM");
  }
  expect(told[0]).not.toBe("gateway listens");
  expect(told).toContain("stopping");
  expect(await exited).toEqual([0, null]);
  await rm(directory, { recursive: true });
});
