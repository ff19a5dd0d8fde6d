import type { RedisReport } from "@belay/protocol/control";
import { loadReport, type NodeState } from "../node/load.ts";
import { sendText } from "./answer.ts";
import type { Route } from "./http-server.ts";

/** A pod that is cut off from Redis stays ready, and says so. */
function readyText(redis: RedisReport | undefined, isLeaseHeld: boolean): string {
  const problem = redis === undefined || redis.problem === "" ? undefined : redis.problem;
  const cut = problem === undefined ? [] : [`${problem} for ${Math.round(redis?.troubleSeconds ?? 0)} s`];
  const troubles = [...cut, ...(isLeaseHeld ? [] : ["the lease of this pod could not be renewed"])];
  return troubles.length === 0 ? "ok" : `ready, but ${troubles.join(", and ")}`;
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
          const now = state();
          const { ready, notReadyReason, redis } = loadReport(now);
          sendText(request, response, ready ? 200 : 503, ready ? readyText(redis, now.isLeaseHeld) : notReadyReason);
          return undefined;
        },
      },
    ],
  ]);
}
