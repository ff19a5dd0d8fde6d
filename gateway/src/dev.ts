/** `npm run dev`: one gateway and the chat page, without Redis and without a cluster. */
import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { CLIENT_PORT } from "@belay/protocol/control";
import { createGateway } from "./app.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { compileNamespaces } from "./channels/compile-namespaces.ts";
import { checkConfig } from "./config.ts";
import { devPages } from "./dev-pages.ts";
import { createLog } from "./log.ts";
import type { SettingsSource } from "./settings.ts";

const HOST = "127.0.0.1";

await run(Number(process.env["PORT"] ?? CLIENT_PORT));

async function run(port: number): Promise<void> {
  const checked = checkConfig({
    listen: { host: HOST, port },
    control: { host: HOST, port: 0 },
    auth: { anonymous: true },
    drain: { deadlineSeconds: 1 },
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
  });
  const { clientPort } = await gateway.listen();
  console.log(`chat      http://localhost:${clientPort}/   (open it twice)`);
  console.log(
    `clients   ws://localhost:${clientPort}/connection/websocket   (anonymous, or a token of /token?user=NAME)`,
  );
  console.log(`API key   ${apiKey}`);
  console.log(
    `publish   curl -H 'X-API-Key: ${apiKey}' -d '{"channel":"chat","data":{"text":"hi"}}' http://localhost:${clientPort}/api/publish`,
  );
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await gateway.close();
}
