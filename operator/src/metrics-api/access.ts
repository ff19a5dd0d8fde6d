import type { Clock } from "../clock.ts";
import type { KubeClient, KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { METRIC, type MetricRequest, METRICS_GROUP, METRICS_VERSION } from "./custom-metrics.ts";
import type { ProxiedUser } from "./front-proxy.ts";

/** An answer is remembered this long; the HPA controller asks every few seconds. */
const rememberMs = 10_000;
const rememberAtMost = 1_000;

interface SubjectAccessReview extends KubeObject {
  readonly spec: unknown;
  readonly status?: { readonly allowed: boolean };
}

/** Asks the API server whether a user may read a metric. Standbys ask too: the client must be one that is not guarded by the lease. */
export class Access {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly allowed: Promise<boolean>; readonly untilMs: number }>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Rejects when the API server cannot be asked. */
  async mayRead(user: ProxiedUser, request: MetricRequest): Promise<boolean> {
    const key = JSON.stringify([user, request.namespace, request.name]);
    const nowMs = this.#clock.nowMs();
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.allowed;
    const allowed = this.#review(user, request);
    if (this.#known.size >= rememberAtMost) this.#known.clear();
    // Remembered before it is answered: while the API server hangs, one question waits and not one per request.
    this.#known.set(key, { allowed, untilMs: nowMs + rememberMs });
    try {
      return await allowed;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  async #review(user: ProxiedUser, { namespace, name }: MetricRequest): Promise<boolean> {
    const review = await this.#client.create<SubjectAccessReview>(RESOURCES.subjectAccessReviews, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      // The API server sets no name for reviews; the port wants one.
      metadata: { name: "" },
      spec: {
        user: user.user,
        groups: user.groups,
        extra: user.extra,
        resourceAttributes: {
          namespace,
          verb: "get",
          group: METRICS_GROUP,
          version: METRICS_VERSION,
          resource: "realtimeclusters.belay.dev",
          subresource: METRIC,
          name,
        },
      },
    });
    return review.status?.allowed === true;
  }
}
