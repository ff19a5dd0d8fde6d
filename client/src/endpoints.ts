/** Where the transports of one server are. Pure. */

const websocketPath = /\/connection\/websocket\/?$/;

/**
 * `base` is the address of the server (`https://example.com`, with whatever stands before `/connection`), or of its WebSocket
 * (`wss://example.com/connection/websocket`). A query is kept.
 */
export function endpointOf(base: string, transport: string): string {
  const url = new URL(base);
  if (transport === "websocket") {
    url.protocol = isSecure(url) ? "wss:" : "ws:";
  } else {
    url.protocol = isSecure(url) ? "https:" : "http:";
  }
  url.pathname = `${prefixOf(url)}/connection/${transport}`;
  return url.href;
}

/** Where HTTP streams post their commands. */
export function emulationEndpointOf(base: string): string {
  const url = new URL(base);
  url.protocol = isSecure(url) ? "https:" : "http:";
  url.pathname = `${prefixOf(url)}/emulation`;
  return url.href;
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "wss:" || protocol === "https:";
}

function prefixOf({ pathname }: URL): string {
  return pathname.replace(websocketPath, "").replace(/\/+$/, "");
}
