import { expect, test } from "vitest";
import { parseSettings } from "./settings.ts";

test("nothing given, or given as the empty strings that make passes on", () => {
  const expected = { settings: { cluster: "belay", provider: "whichever", nodes: undefined, cacheRoot: "/c/belay" } };
  expect(parseSettings({ XDG_CACHE_HOME: "/c" })).toEqual(expected);
  expect(parseSettings({ XDG_CACHE_HOME: "/c", CLUSTER: "", NODES: "", PROVIDER: "" })).toEqual(expected);
});

test("everything given", () => {
  expect(parseSettings({ XDG_CACHE_HOME: "/c", CLUSTER: "test", NODES: "3", PROVIDER: "kind" })).toEqual({
    settings: { cluster: "test", provider: "kind", nodes: 3, cacheRoot: "/c/belay" },
  });
});

test("all problems are named at once", () => {
  expect(parseSettings({ CLUSTER: "A", PROVIDER: "podman" })).toEqual({
    problems: [expect.stringMatching(/CLUSTER/), "PROVIDER must be local or kind, was: podman"],
  });
  expect(parseSettings({ NODES: "many" })).toEqual({ problems: ["NODES must be 1 to 8, was: NaN"] });
});
