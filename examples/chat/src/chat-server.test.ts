import { expect, test } from "vitest";
import { gatewayUrl } from "./chat-server.ts";

test.each([
  [{ url: "wss://rt.example/ws" }, "page.example:80", "wss://rt.example/ws"],
  [{ port: 30_800 }, "198.18.48.11:30080", "ws://198.18.48.11:30800/connection/websocket"],
  [{ port: 30_800 }, "node1", "ws://node1:30800/connection/websocket"],
  [{ port: 30_800 }, "[::1]:3000", "ws://[::1]:30800/connection/websocket"],
  [{ port: 30_800 }, "", undefined],
  [{ port: 30_800 }, "evil@host/x", undefined],
  [{ port: 30_800 }, "host:port", undefined],
])("gateways at %j, page on %s", (gateway, host, url) => {
  expect(gatewayUrl(gateway, host)).toBe(url);
});
