import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type GatewayProcess, type RedisServer, RoundRobin, startGatewayProcess, startRedis } from "@belay/testkit";
import type { GatewayConfig, HooksConfig, NamespaceConfig } from "@belay/protocol/control";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { HookServer } from "../hook-server.ts";
import { startApplication } from "./application.ts";
import { applicationScenarios } from "./application-scenarios.ts";
import { openCent } from "./cent-library.ts";
import { channelScenarios } from "./channel-scenarios.ts";
import { connectionScenarios } from "./connection-scenarios.ts";
import { jsSdk } from "./js-driver.ts";
import { Meeting } from "./meeting.ts";
import { PythonDriver, pythonSdk } from "./python-driver.ts";
import { pinnedVersion, pythonEnvironment } from "./python-environment.ts";
import { withResults } from "./results-table.ts";
import type { Scenario } from "./scenario.ts";
import type { Sdk } from "./sdk.ts";
import { serverLibraryScenarios } from "./server-library-scenarios.ts";
import { serverSideScenarios } from "./server-side-scenarios.ts";
import { type Place, Stage } from "./stage.ts";

const NAMESPACES: readonly NamespaceConfig[] = [
  {
    name: "room",
    allow: { subscribe: "anonymous", publish: "anonymous" },
    presence: true,
    joinLeave: "OnRequest",
  },
  { name: "plain", allow: { subscribe: "anonymous", publish: "anonymous" } },
  { name: "closed", allow: { subscribe: "anonymous", publish: "none" } },
  { name: "kept", allow: { subscribe: "anonymous" }, history: { size: 100, ttlSeconds: 300 } },
  { name: "short", allow: { subscribe: "anonymous" }, history: { size: 3, ttlSeconds: 300 } },
  {
    name: "latest",
    allow: { subscribe: "anonymous" },
    history: { size: 1, ttlSeconds: 300 },
    recovery: { mode: "cache" },
  },
  { name: "tagged", allow: { subscribe: "anonymous" }, history: { size: 100, ttlSeconds: 300 }, tagsFilter: true },
  { name: "forced", history: { size: 100, ttlSeconds: 300 }, recovery: { force: true } },
  { name: "delta", allow: { subscribe: "anonymous" }, history: { size: 100, ttlSeconds: 300 }, delta: "Always" },
];
/** Short, so that a scenario sees two of them; long enough for a machine that is busy with other tests. */
const HEARTBEAT = { pingIntervalMs: 4000, pongTimeoutMs: 3900 };
const CHANGING: NamespaceConfig = { name: "changing", allow: { subscribe: "anonymous" } };

function configOf(hooks: HooksConfig, changing: NamespaceConfig): GatewayConfig {
  return {
    hooks,
    channels: { namespaces: [...NAMESPACES, changing] },
    heartbeat: HEARTBEAT,
  };
}

let redis: RedisServer;
let application: HookServer;
let nodes: readonly GatewayProcess[];
let entrance: RoundRobin;
let drivers: readonly PythonDriver[];
let place: Place;
/** Plays a scenario; resolves to what the table says of it. */
interface Column {
  readonly name: string;
  readonly play: (scenario: Scenario, meeting: Meeting) => Promise<string>;
  readonly isClient: boolean;
}

const columns: Column[] = [];
const results = new Map<string, ReadonlyMap<string, string>>();

beforeAll(async () => {
  const [python, started] = await Promise.all([pythonEnvironment(), startRedis()]);
  redis = started;
  const { server, hooks } = await startApplication();
  application = server;
  nodes = await Promise.all(
    [1, 2].map(() => startGatewayProcess({ redisUrl: redis.url, config: configOf(hooks, CHANGING) })),
  );
  entrance = await RoundRobin.start(nodes.map(({ httpUrl }) => Number(new URL(httpUrl).port)));
  const [gateway] = nodes;
  if (gateway === undefined) throw new Error("no node");
  const change = async (): Promise<void> => {
    const changed = configOf(hooks, { ...CHANGING, history: { size: 10, ttlSeconds: 300 } });
    for (const node of nodes) await node.reconfigure(changed);
  };
  place = { gateway, port: entrance.port, change };
  const [json, protobuf, cent] = [
    new PythonDriver(python, "centrifuge_driver.py"),
    new PythonDriver(python, "centrifuge_driver.py", ["protobuf"]),
    new PythonDriver(python, "cent_driver.py"),
  ];
  drivers = [json, protobuf, cent];
  const [jsVersion, pythonVersion] = [await installedVersion("centrifuge"), await pinnedVersion("centrifuge-python")];
  const webSocket = jsSdk(jsVersion, "websocket", "JSON");
  const clients = [
    webSocket,
    jsSdk(jsVersion, "websocket", "Protobuf"),
    jsSdk(jsVersion, "http_stream", "JSON"),
    jsSdk(jsVersion, "http_stream", "Protobuf"),
    jsSdk(jsVersion, "sse", "JSON"),
    pythonSdk(json, pythonVersion, "JSON"),
    pythonSdk(protobuf, pythonVersion, "Protobuf"),
  ];
  columns.push(
    ...clients.map((sdk) => ({
      name: sdk.name,
      isClient: true,
      play: (scenario: Scenario, meeting: Meeting) => playClient(scenario, sdk, meeting),
    })),
    {
      name: `cent ${await pinnedVersion("cent")} · server API`,
      isClient: false,
      play: (scenario, meeting) => playServer(scenario, { cent, webSocket, meeting }),
    },
  );
}, 300_000);

afterAll(async () => {
  for (const driver of drivers) await driver[Symbol.asyncDispose]();
  await entrance[Symbol.asyncDispose]();
  for (const node of nodes) await node[Symbol.asyncDispose]();
  await application[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

async function installedVersion(library: string): Promise<string> {
  const manifest = createRequire(import.meta.url)
    .resolve(library)
    .replace(/build\/.*$/, "package.json");
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  return version;
}

async function playClient({ client, needs }: Scenario, sdk: Sdk, meeting: Meeting): Promise<string> {
  if (client === undefined) return "·";
  if (needs !== undefined && sdk.lacks.has(needs)) return "not in the SDK";
  const stage = await Stage.set(place, sdk, meeting);
  try {
    await client(stage);
    return "yes";
  } finally {
    await stage.clear();
  }
}

interface ServerColumn {
  readonly cent: PythonDriver;
  /** For the clients that see what the server did. */
  readonly webSocket: Sdk;
  readonly meeting: Meeting;
}

async function playServer({ server }: Scenario, { cent, webSocket, meeting }: ServerColumn): Promise<string> {
  if (server === undefined) return "·";
  const stage = await Stage.set(place, webSocket, meeting);
  const library = await openCent(cent, place.gateway);
  try {
    await server(library, stage);
    return "yes";
  } finally {
    await library.close();
    await stage.clear();
  }
}

const scenarios: readonly Scenario[] = [
  ...connectionScenarios,
  ...channelScenarios,
  ...serverSideScenarios,
  ...applicationScenarios,
  ...serverLibraryScenarios,
];

test.for(scenarios)("[SDK1] $name: $shows", async (scenario) => {
  const row = new Map<string, string>();
  results.set(scenario.name, row);
  const failures: string[] = [];
  const clients = columns.filter(({ isClient }) => isClient).length;
  const meeting = new Meeting(clients, () => scenario.once?.(place) ?? Promise.resolve());
  const play = async ({ name, play: playIt }: Column): Promise<void> => {
    try {
      row.set(name, await playIt(scenario, meeting));
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? (error.stack ?? "") : String(error)}`);
    }
  };
  await Promise.all(columns.map((column) => play(column)));
  // As an error and not as a comparison, which shows a part of them only.
  if (failures.length > 0) throw new Error(failures.join("\n\n"));
  expect(row.size).toBe(columns.length);
});

/** Needs all of the above: `npx vitest run --project integration gateway/test/compat -u` writes the page. */
test("[SDK1] docs/clients.md tells what was just seen", async () => {
  const page = join(import.meta.dirname, "../../../docs/clients.md");
  const names = columns.map(({ name }) => name);
  const made = withResults(await readFile(page, "utf8"), names, scenarios, results);
  await expect(made).toMatchFileSnapshot(page);
});
