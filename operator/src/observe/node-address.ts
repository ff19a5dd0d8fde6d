import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { NodeObject } from "./objects.ts";

const FOR_MS = 60_000;
/** One page is enough: any ready node will do. */
const LIMIT = 100;

/** The address of a ready node, external before internal, for Services of type NodePort. Asked for only when needed. */
export class NodeAddress {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  #known: string | undefined;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Never rejects; without the right to list nodes there is no address. */
  async get(): Promise<string | undefined> {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#untilMs) return this.#known;
    try {
      const { items } = await this.#client.list<NodeObject>(RESOURCES.nodes, { limit: LIMIT });
      this.#known = chooseAddress(items);
    } catch {
      // The last known address stays: nodes seldom change theirs.
    }
    this.#untilMs = nowMs + (this.#known === undefined ? FOR_MS / 20 : FOR_MS);
    return this.#known;
  }
}

function chooseAddress(nodes: readonly NodeObject[]): string | undefined {
  const ready = nodes
    .filter(({ status }) => status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"))
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ status }) => status?.addresses ?? []);
  const find = (wanted: string): string | undefined => ready.find(({ type }) => type === wanted)?.address;
  return find("ExternalIP") ?? find("InternalIP");
}
