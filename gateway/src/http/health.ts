import { loadReport, type NodeState } from "../node/load.ts";
import { sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

/** /healthz says that the event loop turns, /readyz whether new clients are welcome. */
export function healthRoutes(state: () => NodeState): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    [
      "/healthz",
      {
        methods: ["GET", "HEAD"],
        serve: (request, response) => {
          sendText(request, response, 200, "ok");
          return undefined;
        },
      },
    ],
    [
      "/readyz",
      {
        methods: ["GET", "HEAD"],
        serve: (request, response) => {
          const { ready, notReadyReason } = loadReport(state());
          sendText(request, response, ready ? 200 : 503, ready ? "ok" : notReadyReason);
          return undefined;
        },
      },
    ],
  ]);
}
