/** `npm run dev`: one gateway and the chat page, without Redis and without a cluster. */
import { randomBytes, randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CLIENT_PORT, type NamespaceConfig } from "@belay/protocol/control";
import { createGateway } from "./app.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { compileNamespaces } from "./channels/compile-namespaces.ts";
import { checkConfig } from "./config.ts";
import { devPages } from "./dev-pages.ts";
import { type HookFunctions, hookFunctionsOf, ModuleHookTransport } from "./hooks/module-hook-transport.ts";
import { createLog } from "./log.ts";
import type { SettingsSource } from "./settings.ts";

const HOST = "127.0.0.1";

/** As in the example's kubernetes.yaml. */
const CHAT_NAMESPACES: readonly NamespaceConfig[] = [
  {
    name: "room",
    allow: { publish: "authenticated" },
    history: { size: 200, ttlSeconds: 86_400 },
    presence: true,
    joinLeave: "OnRequest",
  },
  { name: "typing", allow: { publish: "authenticated" }, ephemeral: true },
];

const { values } = parseArgs({ options: { hooks: { type: "string" } } });
await run(Number(process.env["PORT"] ?? CLIENT_PORT), loadHooks(values.hooks));

/** A module exports functions named as the hooks; each takes what a webhook is posted and returns what one answers. */
function loadHooks(path: string | undefined): HookFunctions {
  if (path === undefined) return new Map();
  return hookFunctionsOf(createRequire(import.meta.url)(resolve(path)) as Readonly<Record<string, unknown>>);
}

/** A channel asks whatever the module has. */
function askedHooks(hooks: HookFunctions): Readonly<Record<"subscribe" | "publish" | "subRefresh", boolean>> {
  return {
    subscribe: hooks.has("subscribe"),
    publish: hooks.has("publish"),
    subRefresh: hooks.has("subRefresh"),
  };
}

async function run(port: number, hooks: HookFunctions): Promise<void> {
  const checked = checkConfig({
    listen: { host: HOST, port },
    control: { host: HOST, port: 0 },
    auth: { anonymous: true },
    drain: { deadlineSeconds: 1 },
    channels: { unprefixed: { hooks: askedHooks(hooks) }, namespaces: CHAT_NAMESPACES },
    logLevel: "warn",
  });
  if (!checked.ok) {
    for (const problem of checked.problems) console.error(problem);
    process.exitCode = 2;
    return;
  }
  const compiled = await compileNamespaces(checked.config.channels);
  if (!compiled.ok) throw new Error(compiled.problems.join("; "));
  const apiKey = randomBytes(16).toString("hex");
  const hmacSecret = randomBytes(32);
  const settings: SettingsSource = {
    current: {
      config: checked.config,
      configHash: "",
      channels: compiled.table,
      apiKeys: [{ name: "dev", key: apiKey }],
      hmacSecret,
      isTrafficOff: false,
    },
    onChange: () => undefined,
    onRefused: () => undefined,
  };
  const folder = fileURLToPath(new URL("../../examples/chat", import.meta.url));
  const gateway = createGateway(settings, {
    clock: systemClock,
    random: systemRandom,
    log: createLog("warn", "dev"),
    identity: { podUid: randomUUID(), podName: "dev", revision: "" },
    extraRoutes: await devPages({ folder, hmacSecret }),
    ...(hooks.size > 0 && { hookTransport: new ModuleHookTransport(hooks) }),
  });
  const { clientPort } = await gateway.listen();
  console.log(`chat      http://localhost:${clientPort}/   (open it twice)`);
  console.log(
    `clients   ws://localhost:${clientPort}/connection/websocket   (anonymous, or a token of /token?user=NAME)`,
  );
  if (hooks.size > 0) console.log(`hooks     ${[...hooks.keys()].join(", ")}`);
  console.log(`API key   ${apiKey}`);
  console.log(
    `publish   curl -H 'X-API-Key: ${apiKey}' -d '{"channel":"news","data":{"text":"hi"}}' http://localhost:${clientPort}/api/publish`,
  );
  await stopSignal();
  await gateway.close();
}

async function stopSignal(): Promise<void> {
  await new Promise<void>((stop) => {
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  });
}
