import { z } from "zod";
import type { Registry } from "../registry/registry.ts";
import type { NodeBus } from "./node-bus.ts";

/** One node as it tells of itself. */
export interface NodeInfo {
  readonly uid: string;
  readonly name: string;
  readonly version: string;
  readonly revision: string;
  readonly num_clients: number;
  readonly num_users: number;
  readonly num_subs: number;
  readonly num_channels: number;
  /** Seconds. */
  readonly uptime: number;
}

/** What this node tells others. */
interface OwnView {
  readonly describe: () => NodeInfo;
  /** Channels with subscribers here that fit a glob, with their number of subscribers. */
  readonly channels: (pattern: string) => ReadonlyMap<string, number>;
}

export interface ClusterViewOptions {
  readonly nodeId: string;
  readonly bus: NodeBus;
  readonly registry: Pick<Registry, "liveNodes">;
  readonly own: OwnView;
}

/** How long a node may take to answer; one that does not is shown without its counts. */
const ANSWER_TIMEOUT_MS = 1000;
/** Channels that one node lists. */
const MAX_CHANNELS = 10_000;

const count = z.number().int().min(0);
const nodeInfo: z.ZodType<NodeInfo> = z.object({
  uid: z.string(),
  name: z.string(),
  version: z.string(),
  revision: z.string(),
  num_clients: count,
  num_users: count,
  num_subs: count,
  num_channels: count,
  uptime: count,
});
const channelCounts = z.array(z.tuple([z.string(), count]));
const pattern = z.object({ pattern: z.string() });

/** Asks every live node what it has. */
export class ClusterView {
  readonly #options: ClusterViewOptions;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
    const { bus, own } = options;
    bus.on("describe", () => own.describe());
    bus.on("channels", (body) => {
      const asked = pattern.safeParse(body).data;
      return asked === undefined ? [] : [...own.channels(asked.pattern)].slice(0, MAX_CHANNELS);
    });
  }

  /** This node first. Rejects with BrokerUnavailableError. */
  async nodes(): Promise<readonly NodeInfo[]> {
    const others = await this.#askOthers("describe", {});
    return [
      this.#options.own.describe(),
      ...others.map(({ podUid, revision, answer }) => nodeInfo.safeParse(answer).data ?? silentNode(podUid, revision)),
    ];
  }

  /** Subscribers of each channel, all nodes together. Rejects with BrokerUnavailableError. */
  async channels(glob: string): Promise<ReadonlyMap<string, number>> {
    const others = await this.#askOthers("channels", { pattern: glob });
    const sum = new Map(this.#options.own.channels(glob));
    for (const { answer } of others) {
      for (const [name, clients] of channelCounts.safeParse(answer).data ?? [])
        sum.set(name, (sum.get(name) ?? 0) + clients);
    }
    return sum;
  }

  async #askOthers(
    kind: string,
    body: unknown,
  ): Promise<readonly { readonly podUid: string; readonly revision: string; readonly answer: unknown }[]> {
    const { nodeId, bus, registry } = this.#options;
    const nodes = (await registry.liveNodes()).filter(({ podUid }) => podUid !== nodeId);
    return Promise.all(
      nodes.map(async ({ podUid, revision }) => ({
        podUid,
        revision,
        answer: await bus.ask(podUid, kind, body, ANSWER_TIMEOUT_MS),
      })),
    );
  }
}

function silentNode(uid: string, revision: string): NodeInfo {
  return {
    uid,
    revision,
    name: uid,
    version: "",
    num_clients: 0,
    num_users: 0,
    num_subs: 0,
    num_channels: 0,
    uptime: 0,
  };
}
