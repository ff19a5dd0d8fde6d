import { WEBSOCKET_PATHS } from "../transport/handshake.ts";
import { sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

const ROUTE: Route = {
  methods: ["GET", "HEAD", "POST"],
  serve: (request, response) => {
    response.setHeader("Upgrade", "websocket");
    sendText(request, response, 426, "a WebSocket upgrade is needed");
    return undefined;
  },
};

/** A WebSocket path asked for without an upgrade (HS4). */
export function websocketRoute(path: string): Route | undefined {
  return WEBSOCKET_PATHS.has(path) ? ROUTE : undefined;
}
