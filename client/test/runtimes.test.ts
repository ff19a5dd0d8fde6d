import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type RunningGateway, startGateway } from "@belay/testkit";
import { bundlePage, openBrowser, servePage } from "@belay/testkit/browser";
import { SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Conversation } from "./runtime-program.ts";

const run = promisify(execFile);
const PROGRAM = new URL("runtime-program.ts", import.meta.url).pathname;
const allow = { subscribe: "anonymous", publish: "anonymous", history: "anonymous" } as const;
const config = { channels: { namespaces: [{ name: "room", allow, history: { size: 10, ttlSeconds: 60 } }] } };
const TRANSPORTS = ["websocket", "http_stream"] as const;

let gateway: RunningGateway;
let folder: string;
let script: string;

beforeAll(async () => {
  gateway = await startGateway({ config });
  folder = await mkdtemp(join(tmpdir(), "belay-runtimes-"));
  script = await bundlePage(PROGRAM);
  await writeFile(join(folder, "program.mjs"), script);
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** An expression that talks over each transport, one after the other. */
async function talking(runtime: string): Promise<string> {
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  const token = await new SignJWT({ sub: "ann" }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const talks = TRANSPORTS.map((transport) => {
    const meeting = { endpoint: gateway.httpUrl, token, room: `room:${runtime}-${transport}`, transport };
    return `await converse(${JSON.stringify(meeting)})`;
  });
  return `[${talks.join(", ")}]`;
}

function expected(): readonly Conversation[] {
  const said = ["one", { two: "zwei ✓" }];
  return TRANSPORTS.map((transport) => ({ transport, shown: said, history: said, end: "disconnected" }));
}

/** The program file of a runtime that npm brings for this machine. */
function binaryOf(wrapper: string, platformPackage: RegExp, file: string): string {
  const manifest = createRequire(wrapper);
  const { optionalDependencies } = manifest("./package.json") as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(optionalDependencies).filter((each) => platformPackage.test(each))) {
    try {
      return join(dirname(manifest.resolve(`${name}/package.json`)), file);
    } catch {
      // Of another machine.
    }
  }
  throw new Error(`${wrapper} is for other machines only`);
}

test.each([
  ["Node", () => process.execPath, []],
  ["Bun", () => binaryOf(import.meta.resolve("bun/package.json"), /^@oven/, "bin/bun"), []],
  [
    "Deno",
    () => binaryOf(import.meta.resolve("deno/package.json"), /^@deno/, "deno"),
    ["run", "--allow-net", "--no-lock", "--no-config"],
  ],
] as const)("[SDK61] the SDK in %s: WebSocket and HTTP stream", async (name, binary, flags) => {
  const main = join(folder, "main.mjs");
  await writeFile(
    main,
    `import { converse } from "./program.mjs";\nconsole.log(JSON.stringify(${await talking(name)}));\n`,
  );
  // Whatever it looks for at a start is in that folder.
  const env = { PATH: process.env["PATH"], HOME: folder, DENO_DIR: folder, DENO_NO_UPDATE_CHECK: "1" };
  const { stdout } = await run(binary(), [...flags, main], { env, timeout: 50_000 });
  expect(JSON.parse(stdout)).toEqual(expected());
});

test("[SDK61] the SDK in a worker of Chromium: WebSocket and HTTP stream", async () => {
  await using pages = await servePage(PROGRAM);
  await using browser = await openBrowser();
  const page = await browser.context.newPage();
  await page.goto(pages.url);
  const worker = `import { converse } from ${JSON.stringify(`${pages.url}page.js`)};\npostMessage(${await talking("worker")});`;
  const talks = await page.evaluate(`new Promise((resolve, reject) => {
    const url = URL.createObjectURL(new Blob([${JSON.stringify(worker)}], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module" });
    worker.addEventListener("message", ({ data }) => resolve(data));
    worker.addEventListener("error", ({ message }) => reject(new Error(message)));
  })`);
  expect(talks).toEqual(expected());
});
