import type { NodeInfo } from "./cluster-view.ts";
import type { NodeIdentity } from "./node.ts";

/** What a node counts of its own. */
export interface NodeCounts {
  readonly clientCount: number;
  readonly userCount: number;
  readonly subscriptionCount: number;
  readonly channelCount: number;
}

const VERSION = "0.1.0";

/** What `info` of the server API says of this node. */
export function describeNode(
  { podUid, podName, revision }: NodeIdentity,
  { clientCount, userCount, subscriptionCount, channelCount }: NodeCounts,
  uptimeMs: number,
): NodeInfo {
  return {
    uid: podUid,
    name: podName,
    version: VERSION,
    revision,
    num_clients: clientCount,
    num_users: userCount,
    num_subs: subscriptionCount,
    num_channels: channelCount,
    uptime: Math.round(uptimeMs / 1000),
  };
}
