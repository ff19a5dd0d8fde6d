import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { cacheKey, goModule } from "./cache.ts";
import { linkerFlags, pins } from "./pins.ts";

test("the key changes with every pin and every file, and with where one file ends", () => {
  const keys = [
    cacheKey({ kubernetes: "v1.34.4" }, ["ab", "c"]),
    cacheKey({ kubernetes: "v1.34.5" }, ["ab", "c"]),
    cacheKey({ kubernetes: "v1.34.4" }, ["a", "bc"]),
    cacheKey({ kubernetes: "v1.34.4" }, ["abc"]),
    cacheKey({ kubernetes: "v1.34.4" }, ["ab", "d"]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test("the same pins and files give the same key", () => {
  expect(cacheKey(pins, ["x"])).toBe(cacheKey(structuredClone(pins), ["x"]));
  expect(cacheKey(pins, ["x"])).toMatch(/^[0-9a-f]{16}$/);
});

test("go.mod builds the Kubernetes that pins.ts names, and all of its parts in that version", async () => {
  const text = await readFile(`${goModule}/go.mod`, "utf8");
  expect(text).toContain(`k8s.io/kubernetes ${pins.kubernetes}`);
  const staging = pins.kubernetes.replace("v1.", "v0.");
  const replaced = [...text.matchAll(/=> k8s\.io\/\S+ (\S+)/g)].map((match) => match[1]);
  expect(replaced.length).toBeGreaterThan(25);
  expect(new Set(replaced)).toEqual(new Set([staging]));
});

test("every binary is a tool of go.mod or a program beside it", async () => {
  const text = await readFile(`${goModule}/go.mod`, "utf8");
  const tools = /^tool \(\n([^)]*)\)/m.exec(text)?.[1]?.trim().split(/\s+/);
  const imported = pins.binaries.map((binary) => binary.package).filter((path) => !path.startsWith("./"));
  expect([...imported].sort()).toEqual(tools?.sort());
});

test("the build is stamped with its version for the two packages that ask", () => {
  const flags = linkerFlags("v1.34.4");
  expect(flags).toContain("-X k8s.io/client-go/pkg/version.gitVersion=v1.34.4");
  expect(flags).toContain("-X k8s.io/component-base/version.gitMinor=34");
});
