import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

test("a NodePort, the default port and the directory beside the server", () => {
  expect(parseConfig({ TOKEN_SECRET_FILE: "/s", GATEWAY_PORT: "30800" }, "/app")).toEqual({
    ok: true,
    config: { port: 3000, secretFile: "/s", gateway: { port: 30_800 }, assets: "/app" },
  });
});

test("a URL, a port and a directory of one's own", () => {
  const environment = { TOKEN_SECRET_FILE: "/s", GATEWAY_URL: "wss://rt.example/x", PORT: "0", ASSETS: "/a" };
  expect(parseConfig(environment, "/app")).toEqual({
    ok: true,
    config: { port: 0, secretFile: "/s", gateway: { url: "wss://rt.example/x" }, assets: "/a" },
  });
});

test("every problem is named at once", () => {
  const parsed = parseConfig({ PORT: "70000", GATEWAY_URL: "http://x" }, "/app");
  expect(parsed).toEqual({
    ok: false,
    problems: [
      "PORT must be a port number, was: 70000",
      "TOKEN_SECRET_FILE must be a path, was: nothing",
      "GATEWAY_URL must be a ws:// or wss:// URL, was: http://x",
    ],
  });
});

test.each([
  [{}, "one of GATEWAY_URL and GATEWAY_PORT must be set, were: nothing, nothing"],
  [{ GATEWAY_URL: "ws://x", GATEWAY_PORT: "1" }, "one of GATEWAY_URL and GATEWAY_PORT must be set, were: ws://x, 1"],
  [{ GATEWAY_PORT: "-1" }, "GATEWAY_PORT must be a port number, was: -1"],
])("where the gateways are: %j", (gateway, problem) => {
  expect(parseConfig({ TOKEN_SECRET_FILE: "/s", ...gateway }, "/app")).toEqual({ ok: false, problems: [problem] });
});
