/** What this node tells the operator, and whether it is ready. Pure. */
import type {
  ConfigRefusal,
  ConfigReport,
  DrainReason,
  DrainStatus,
  LoadReport,
  RedisReport,
} from "@belay/protocol/control";
import type { NodeIdentity } from "./node.ts";

export interface NodeState {
  readonly identity: NodeIdentity;
  /** Sockets there are. */
  readonly connections: number;
  readonly brokerConnected: boolean;
  /** Why Redis may drop keys that nobody removed. */
  readonly evictionRisk?: string | undefined;
  /** The broker was reached at least once since the start. */
  readonly brokerSeen: boolean;
  /** The list was read at least once since the start: before, a revoked token would be let in. */
  readonly revocationsLoaded: boolean;
  readonly isGateClosed: boolean;
  /** Whether the lease in the registry lives; others take the connections of a pod without one for gone. */
  readonly isLeaseHeld: boolean;
  /** Absent without a Redis. */
  readonly redis?: RedisReport | undefined;
  readonly drain: DrainStatus;
  readonly drainReason?: DrainReason | undefined;
  /** Hash of the configuration that runs, and what is wrong with a newer one. */
  readonly config: ConfigReport;
}

/**
 * Why the pod is not ready; empty while it is. Losing the broker later does not count: from here it cannot be told whether others
 * reach it, and without Redis every pod would leave the Service. The operator can tell, and has the one bad pod drained.
 */
function notReadyReason(state: NodeState): string {
  const { brokerSeen, revocationsLoaded, isGateClosed, connections, drainReason, redis } = state;
  if (!brokerSeen) return "broker has not been reached yet";
  if (!revocationsLoaded) return "revocations have not been read yet";
  if (isGateClosed && connections === 0) return "drained";
  if (drainReason === "unhealthy") return `replaced: ${problemOf(redis)}, and other pods reach it`;
  return "";
}

/** By then it may be over. */
function problemOf(redis: RedisReport | undefined): string {
  return redis === undefined || redis.problem === "" ? "Redis was not reached" : redis.problem;
}

export function loadReport(state: NodeState): LoadReport {
  const reason = notReadyReason(state);
  return {
    podUid: state.identity.podUid,
    revision: state.identity.revision,
    connections: state.connections,
    ready: reason === "",
    notReadyReason: reason,
    brokerConnected: state.brokerConnected,
    ...(state.evictionRisk !== undefined && { redisEvicts: state.evictionRisk }),
    ...(state.redis !== undefined && { redis: state.redis }),
    drain: state.drain,
    config: shortened(state.config),
  };
}

/** Problems shown of a refused configuration, and characters of each: the operator reads a bounded answer. */
const MAX_PROBLEMS = 5;
const MAX_PROBLEM_CHARS = 300;

function shortened({ refused, ...report }: ConfigReport): ConfigReport {
  return { ...report, ...(refused !== undefined && { refused: shortenedRefusal(refused) }) };
}

function shortenedRefusal({ hash, problems }: ConfigRefusal): ConfigRefusal {
  const shown = problems.slice(0, MAX_PROBLEMS).map((problem) => problem.slice(0, MAX_PROBLEM_CHARS));
  const more = problems.length - shown.length;
  return { hash, problems: more > 0 ? [...shown, `and ${more} more`] : shown };
}
