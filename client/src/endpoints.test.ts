import { expect, test } from "vitest";
import { emulationEndpointOf, endpointOf } from "./endpoints.ts";

test.each([
  ["https://example.com", "websocket", "wss://example.com/connection/websocket"],
  ["wss://example.com/connection/websocket", "websocket", "wss://example.com/connection/websocket"],
  ["wss://example.com/connection/websocket?a=1", "http_stream", "https://example.com/connection/http_stream?a=1"],
  ["ws://example.com:8000/live/", "sse", "http://example.com:8000/live/connection/sse"],
])("[SDK14] of %s the %s is at %s", (base, transport, endpoint) => {
  expect(endpointOf(base, transport)).toBe(endpoint);
});

test("[SDK14] commands of HTTP streams are posted beside /connection", () => {
  expect(emulationEndpointOf("wss://example.com/live/connection/websocket")).toBe("https://example.com/live/emulation");
});
