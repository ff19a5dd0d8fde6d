import type { RedisReport } from "@belay/protocol/control";
import { loadReport, type NodeState } from "../node/load.ts";
import { sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

/** A pod that is cut off from Redis stays ready, and says so. */
function readyText(redis: RedisReport | undefined): string {
  if (redis === undefined || redis.problem === "") return "ok";
  return `ready, but ${redis.problem} for ${Math.round(redis.troubleSeconds)} s`;
}

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
          const { ready, notReadyReason, redis } = loadReport(state());
          sendText(request, response, ready ? 200 : 503, ready ? readyText(redis) : notReadyReason);
          return undefined;
        },
      },
    ],
  ]);
}
