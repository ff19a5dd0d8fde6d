import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Declared, violations, workspaceOf } from "./fence-rules.ts";
import { type Import, readImports, type Target } from "./import-graph.ts";

const declared = new Map<string, Declared>([
  ["gateway", { dependencies: ["@belay/protocol", "ioredis", "ws", "zod"], references: ["protocol"] }],
  ["operator", { dependencies: ["@belay/protocol", "zod", "@kubernetes/client-node"], references: [] }],
]);

const builtin: Target = { kind: "builtin" };
const at = (path: string): Target => ({ kind: "file", path });
const library = (name: string): Target => ({ kind: "package", name });

function entry(file: string, specifier: string, target: Target, isTypeOnly = false): Import {
  return { file, specifier, target, isTypeOnly };
}

test.each<readonly [string, Import, string]>([
  [
    "a missing file",
    entry("gateway/src/app.ts", "./gone.ts", { kind: "unresolved", why: "cannot find it" }),
    "cannot find it",
  ],
  [
    "the gateway imports the operator",
    entry("gateway/src/app.ts", "@belay/operator", at("operator/src/index.ts"), true),
    "gateway may not import it",
  ],
  [
    "the operator imports the client protocol",
    entry("operator/src/main.ts", "@belay/protocol", at("protocol/src/index.ts")),
    "operator may not import it",
  ],
  [
    "a source imports the testkit",
    entry("gateway/src/app.ts", "@belay/testkit", at("testkit/src/index.ts")),
    "gateway may not import it",
  ],
  [
    "a test goes round a door",
    entry("gateway/test/a.test.ts", "@belay/operator/internal", at("operator/src/internal.ts")),
    "gateway may not import it, nor its tests",
  ],
  [
    "a source through its own door",
    entry("gateway/src/app.ts", "@belay/gateway", at("gateway/src/index.ts")),
    "gateway may not import it",
  ],
  [
    "a path into another workspace",
    entry("gateway/src/app.ts", "../../protocol/src/limits.ts", at("protocol/src/limits.ts")),
    "reaches into another workspace instead of through its door",
  ],
  [
    "a library nobody declared",
    entry("gateway/src/app.ts", "undici", library("undici")),
    "undici is not in gateway/package.json",
  ],
  [
    "a workspace without a reference",
    entry("operator/src/main.ts", "@belay/protocol/control", at("protocol/src/control/index.ts")),
    "protocol is not a reference in operator/tsconfig.json",
  ],
  [
    "Redis in a handler",
    entry("gateway/src/handlers/publish.ts", "ioredis", library("ioredis")),
    String.raw`only /^gateway\/src\/(broker|registry)\/redis-/, /^gateway\/src\/redis\// may import ioredis`,
  ],
  [
    "the Kubernetes library outside its adapter",
    entry("operator/src/observe/observe.ts", "@kubernetes/client-node", library("@kubernetes/client-node")),
    String.raw`only /^operator\/src\/kube\/(http-kube-client|kube-connection)\.ts$/ may import @kubernetes/client-node`,
  ],
  [
    "a pure file asks Node",
    entry("operator/src/plan/plan.ts", "node:fs", builtin),
    "a pure file imports nothing of Node's",
  ],
  [
    "a pure file uses an impure one",
    entry("operator/src/plan/plan.ts", "../clock.ts", at("operator/src/clock.ts")),
    "a pure file imports only pure files",
  ],
  [
    "a pure file takes a library of unknown habits",
    entry("operator/src/api/schema.ts", "@kubernetes/client-node", library("@kubernetes/client-node")),
    "@kubernetes/client-node is not known to be pure",
  ],
  [
    "upwards",
    entry("gateway/src/hub/hub.ts", "../handlers/index.ts", at("gateway/src/handlers/index.ts"), true),
    "gateway hub may not import gateway handlers",
  ],
  [
    "an adapter picked outside the app",
    entry("gateway/src/handlers/publish.ts", "../broker/redis-broker.ts", at("gateway/src/broker/redis-broker.ts")),
    "gateway handlers may not import gateway adapters",
  ],
])("refused: %s", (_, wrong, problem) => {
  expect(violations([wrong], declared)).toContain(`${wrong.file} -> ${wrong.specifier}: ${problem}`);
});

test.each<readonly [string, Import]>([
  ["a door that is declared", entry("gateway/src/app.ts", "@belay/protocol", at("protocol/src/index.ts"))],
  ["downwards", entry("gateway/src/handlers/publish.ts", "../hub/hub.ts", at("gateway/src/hub/hub.ts"))],
  ["types of a library that is owned elsewhere", entry("gateway/src/app.ts", "ioredis", library("ioredis"), true)],
  ["types of Node's in a pure file", entry("operator/src/plan/plan.ts", "node:http", builtin, true)],
  ["a test of a pure file", entry("operator/src/plan/plan.test.ts", "node:fs", builtin)],
  ["a test with the testkit", entry("gateway/test/a.test.ts", "@belay/testkit", at("testkit/src/index.ts"))],
  [
    "a test through its own door",
    entry("gateway/test/a.test.ts", "@belay/gateway/internal", at("gateway/src/internal.ts")),
  ],
  ["a tool of the repository", entry("scripts/gen.ts", "../operator/src/api/x.ts", at("operator/src/api/x.ts"))],
])("allowed: %s", (_, right) => {
  expect(violations([right], declared)).toEqual([]);
});

test("a cycle is named with all its files", () => {
  const ring = ["hub", "shard", "member"].map((name, index, names) => {
    const next = names[(index + 1) % names.length] ?? "";
    return entry(`gateway/src/hub/${name}.ts`, `./${next}.ts`, at(`gateway/src/hub/${next}.ts`), true);
  });
  expect(violations(ring, declared)).toEqual([
    "cycle: gateway/src/hub/hub.ts -> gateway/src/hub/shard.ts -> gateway/src/hub/member.ts -> gateway/src/hub/hub.ts",
  ]);
});

test("a folder that no layer claims", () => {
  expect(violations([entry("gateway/src/attic/box.ts", "zod", library("zod"))], declared)).toEqual([
    "gateway/src/attic/box.ts: belongs to no layer of scripts/fence-tables.ts",
  ]);
});

test("the workspace of a file", () => {
  expect(["gateway/src/app.ts", "examples/chat/src/page.ts", "vitest.config.ts"].map(workspaceOf)).toEqual([
    "gateway",
    "examples/chat",
    "",
  ]);
});

test("every form of import is read, and what is a type alone", () => {
  const root = mkdtempSync(join(tmpdir(), "belay-fences-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, "b.ts"), "export const b = 1;\n");
  const lines = [
    'import { readFile } from "node:fs/promises";',
    'import type { Stats } from "node:fs";',
    'import { type Server, createServer } from "node:http";',
    'import { type AddressInfo } from "node:net";',
    'import "./b.ts";',
    'export type { Socket } from "node:dgram";',
    'export * from "./gone.ts";',
    'export const later = (): Promise<unknown> => import("node:zlib");',
    'export type Tls = import("node:tls").TLSSocket;',
  ];
  writeFileSync(join(root, "a.ts"), lines.join("\n"));
  const read = readImports(root, ["a.ts"]);
  expect(Object.fromEntries(read.map(({ specifier, isTypeOnly }) => [specifier, isTypeOnly]))).toEqual({
    "node:fs/promises": false,
    "node:fs": true,
    "node:http": false,
    "node:net": true,
    "./b.ts": false,
    "node:dgram": true,
    "./gone.ts": false,
    "node:zlib": false,
    "node:tls": true,
  });
  expect(read.find(({ specifier }) => specifier === "./b.ts")?.target).toEqual({ kind: "file", path: "b.ts" });
  expect(read.find(({ specifier }) => specifier === "./gone.ts")?.target.kind).toBe("unresolved");
});
