/** Where the transports of one server are. Pure. */

const websocketPath = /\/connection\/websocket\/?$/;

/**
 * `base` is the address of the server (`https://example.com`, with whatever stands before `/connection`), or of its WebSocket
 * (`wss://example.com/connection/websocket`). A query is kept.
 */
export function endpointOf(base: string, transport: string): string {
  return urlOf(base, transport === "websocket" ? "ws" : "http", `/connection/${transport}`);
}

/** Where HTTP streams post their commands. */
export function emulationEndpointOf(base: string): string {
  return urlOf(base, "http", "/emulation");
}

function urlOf(base: string, scheme: string, path: string): string {
  const url = new URL(base);
  url.protocol = scheme + (/^(https|wss):/.test(url.protocol) ? "s:" : ":");
  url.pathname = url.pathname.replace(websocketPath, "").replace(/\/+$/, "") + path;
  return url.href;
}
