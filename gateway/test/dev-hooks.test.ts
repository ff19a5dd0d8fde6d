import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TestClient } from "@belay/testkit";
import { afterEach, expect, test } from "vitest";

const DEV = fileURLToPath(new URL("../src/dev.ts", import.meta.url));

let child: ChildProcess | undefined;
afterEach(async () => {
  if (child?.exitCode !== null || !child.kill("SIGKILL")) return;
  await once(child, "exit");
});

const MODULE = `
export async function connect(request: { transport: string }, { headers }: { headers: Record<string, string> }): Promise<unknown> {
  if (headers["authorization"] !== "Bearer ann") return { error: { code: 401, message: "who are you?" } };
  return { result: { user: "ann", data: { transport: request.transport } } };
}
export const subscribe = ({ channel }: { channel: string }): unknown =>
  channel === "open" ? { result: { data: { topic: "tea" } } } : { error: { code: 403, message: "closed" } };
export const rpc = ({ method }: { method: string }): unknown => {
  if (method === "throw") throw new Error("in the module");
  return method === "lie" ? { result: 7 } : { result: { data: { method } } };
};
`;

async function startDev(hooks: string): Promise<string> {
  child = spawn(process.execPath, ["--conditions=@belay/source", DEV, "--hooks", hooks], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, PORT: "0" },
  });
  if (child.stdout === null) throw new Error("the output must be piped");
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /ws:\/\/localhost:\d+\/connection\/websocket/.exec(line)?.[0];
    if (url !== undefined) return url.replace("localhost", "127.0.0.1");
  }
  throw new Error("npm run dev ended");
}

test("[HOK11] npm run dev takes a module with the same functions, and checks what they return in the same way", async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), "belay-dev-"));
  const file = join(directory.path, "hooks.ts");
  await writeFile(file, MODULE);
  const url = await startDev(file);
  await using stranger = await TestClient.open(url);
  expect((await stranger.call({ connect: {} })).error).toEqual({ code: 401, message: "who are you?" });
  await using client = await TestClient.open(url);
  const reply = await client.call({ connect: { headers: { Authorization: "Bearer ann" } } });
  expect(reply.connect).toMatchObject({ data: { transport: "websocket" } });
  expect(await client.call({ subscribe: { channel: "open" } })).toMatchObject({
    subscribe: { data: { topic: "tea" } },
  });
  expect((await client.call({ subscribe: { channel: "other" } })).error?.code).toBe(403);
  expect(await client.call({ rpc: { method: "buy" } })).toMatchObject({ rpc: { data: { method: "buy" } } });
  expect((await client.call({ rpc: { method: "throw" } })).error?.code).toBe(100);
  expect((await client.call({ rpc: { method: "lie" } })).error?.code).toBe(100);
});
