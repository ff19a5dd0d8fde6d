/** Secrets that users name. They carry no label of ours, so they are asked for by name, and remembered for a while. */
import type { Clock } from "../clock.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import type { ObservedReference } from "../plan/observed.ts";
import type { SecretReference } from "../resources/references.ts";
import type { SecretObject } from "./objects.ts";

const PRESENT_FOR_MS = 20_000;
/** Somebody is waiting for the condition to go away. */
const MISSING_FOR_MS = 2_000;

interface Known {
  /** Keys with a value; `undefined` for a Secret that does not exist. */
  readonly keys: ReadonlySet<string> | undefined;
  readonly untilMs: number;
}

export class SecretCache {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Never rejects: what cannot be asked now is unknown. */
  async observe(namespace: string, reference: SecretReference): Promise<ObservedReference> {
    try {
      const keys = await this.#keys(namespace, reference);
      if (keys === undefined) return { ...reference, state: "no secret" };
      return { ...reference, state: keys.has(reference.key) ? "present" : "no key" };
    } catch {
      // The pass goes on with what is known; the next one asks again.
      return { ...reference, state: "unknown" };
    }
  }

  async #keys(namespace: string, { name, key }: SecretReference): Promise<ReadonlySet<string> | undefined> {
    const id = `${namespace}/${name}`;
    const nowMs = this.#clock.nowMs();
    const known = this.#known.get(id);
    if (known !== undefined && known.untilMs > nowMs) return known.keys;
    const secret = await this.#client.get<SecretObject>({ resource: RESOURCES.secrets, namespace, name });
    const keys =
      secret === undefined
        ? undefined
        : new Set(Object.entries(secret.data ?? {}).flatMap(([each, value]) => (value === "" ? [] : [each])));
    const untilMs = nowMs + (keys?.has(key) === true ? PRESENT_FOR_MS : MISSING_FOR_MS);
    for (const [other, { untilMs: end }] of this.#known) if (end <= nowMs) this.#known.delete(other);
    this.#known.set(id, { keys, untilMs });
    return keys;
  }
}
