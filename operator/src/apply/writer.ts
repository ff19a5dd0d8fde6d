/** Carries out single actions. Each write is conditional where a second writer could be there. */
import { TRAFFIC_LABEL, stableHash } from "@belay/protocol/control";
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import { KubeError, type KubeClient, type KubeObject, type ObjectRef, type Resource } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import {
  CONFIG_CALL_ANNOTATION,
  DELETION_COST_ANNOTATION,
  DRAIN_DEADLINE_ANNOTATION,
  DRAIN_REASON_ANNOTATION,
  LOWEST_COST,
} from "../observe/annotations.ts";
import type { SecretObject } from "../observe/objects.ts";
import type { Action } from "../plan/actions.ts";
import type { Child, Manifest } from "../resources/manifest.ts";
import { expectedKeys, type GeneratedSecret, secretManifest } from "../resources/secrets.ts";
import { NameCollisionError } from "./failure.ts";

const FIELD_MANAGER = "belay-operator";
/** Of its own, so that dropping the field from our other applies never takes it away. */
const DEFAULTS_MANAGER = "belay-operator-defaults";

type ActionOf<T extends Action["type"]> = Extract<Action, { readonly type: T }>;

export interface WriterOptions {
  readonly client: KubeClient;
  readonly randomText: () => string;
}

export class Writer {
  readonly #client: KubeClient;
  readonly #randomText: () => string;
  /** What the last apply of an object made of it, so that one which changes nothing is not sent again and again. */
  readonly #applied = new Map<string, { readonly hash: string; readonly version: string | undefined }>();

  constructor({ client, randomText }: WriterOptions) {
    this.#client = client;
    this.#randomText = randomText;
  }

  async apply(cluster: RealtimeCluster, { child, liveVersion }: ActionOf<"apply">): Promise<void> {
    const { resource, manifest } = child;
    const id = `${resource.plural}/${cluster.metadata.namespace}/${manifest.metadata.name}`;
    const hash = stableHash(manifest);
    const last = this.#applied.get(id);
    if (liveVersion !== undefined && last?.hash === hash && last.version === liveVersion) return;
    if (liveVersion === undefined) await this.#mustBeFree(cluster, child);
    const stored = await this.#client.apply<Manifest>(resource, manifest, { fieldManager: FIELD_MANAGER, force: true });
    this.#applied.set(id, { hash, version: stored.metadata.resourceVersion });
  }

  async create(cluster: RealtimeCluster, child: Child): Promise<void> {
    try {
      await this.#client.create<Manifest>(child.resource, child.manifest);
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409) throw error;
      await this.#mustBeFree(cluster, child);
    }
  }

  /** An object that we have not seen may be too new for the watch, or somebody else's: the first is fine, the second is not. */
  async #mustBeFree(cluster: RealtimeCluster, { resource, manifest }: Child): Promise<void> {
    const { name } = manifest.metadata;
    const live = await this.#client.get<KubeObject>(refIn(cluster, resource, name));
    if (live !== undefined) mustBeOurs(cluster, resource, live);
  }

  async generateSecret(cluster: RealtimeCluster, { secret }: ActionOf<"generate-secret">): Promise<void> {
    const ref = refIn(cluster, RESOURCES.secrets, secret.name);
    const live = await this.#client.get<SecretObject>(ref);
    if (live === undefined) {
      const manifest = secretManifest(cluster, secret, this.#values(secret, {}));
      await this.#client.create<Manifest>(RESOURCES.secrets, manifest);
      return;
    }
    mustBeOurs(cluster, RESOURCES.secrets, live);
    const values = this.#values(secret, live.data ?? {});
    const missing = expectedKeys(secret).filter((key) => (live.data?.[key] ?? "") === "");
    if (missing.length === 0) return;
    // Derived values follow the random ones, kept or new.
    await this.#client.patch(ref, { type: "merge", body: { data: values } });
  }

  /** Base64, as Secrets are stored; values that exist stay. */
  #values(secret: GeneratedSecret, live: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
    const random = Object.fromEntries(
      secret.randomKeys.map((key) => {
        const kept = live[key] ?? "";
        return [key, kept === "" ? this.#randomText() : Buffer.from(kept, "base64").toString("utf8")];
      }),
    );
    const all = Object.entries({ ...random, ...secret.derived(random) });
    return Object.fromEntries(all.map(([key, value]) => [key, Buffer.from(value, "utf8").toString("base64")]));
  }

  async writeReplicas({ metadata: { name, namespace } }: RealtimeCluster, replicas: number): Promise<void> {
    const { apiVersion, kind } = RESOURCES.realtimeClusters;
    const object: Manifest = { apiVersion, kind, metadata: { name, namespace }, spec: { replicas } };
    // Without force: a number that a user writes at the same moment stays.
    await this.#client.apply(RESOURCES.realtimeClusters, object, { fieldManager: DEFAULTS_MANAGER, force: false });
  }

  async scale(cluster: RealtimeCluster, { deployment, from, to }: ActionOf<"scale">): Promise<void> {
    const path = "/spec/replicas";
    await this.#client.patch(refIn(cluster, RESOURCES.deployments, deployment), {
      type: "json",
      operations: [
        { op: "test", path, value: from },
        { op: "replace", path, value: to },
      ],
    });
  }

  async restoreTemplate(cluster: RealtimeCluster, action: ActionOf<"restore-template">): Promise<void> {
    await this.#client.patch(refIn(cluster, RESOURCES.deployments, action.deployment), {
      type: "json",
      operations: [
        { op: "add", path: "/spec/paused", value: true },
        { op: "replace", path: "/spec/template", value: action.template },
      ],
    });
  }

  async gate(cluster: RealtimeCluster, { pod, reason }: ActionOf<"gate">): Promise<void> {
    await this.#patchPod(cluster, pod, {
      labels: { [TRAFFIC_LABEL]: "off" },
      annotations: { [DELETION_COST_ANNOTATION]: LOWEST_COST, [DRAIN_REASON_ANNOTATION]: reason },
    });
  }

  async reopen(cluster: RealtimeCluster, { pod }: ActionOf<"reopen">): Promise<void> {
    const gone = [DELETION_COST_ANNOTATION, DRAIN_REASON_ANNOTATION, DRAIN_DEADLINE_ANNOTATION];
    await this.#patchPod(cluster, pod, {
      labels: { [TRAFFIC_LABEL]: "on" },
      annotations: Object.fromEntries(gone.map((name) => [name, null])),
    });
  }

  async beginDrain(cluster: RealtimeCluster, { pod, deadlineMs }: ActionOf<"begin-drain">): Promise<void> {
    await this.#patchPod(cluster, pod, { annotations: { [DRAIN_DEADLINE_ANNOTATION]: String(deadlineMs) } });
  }

  async callConfig(cluster: RealtimeCluster, { pod, hash, atMs }: ActionOf<"call-config">): Promise<void> {
    await this.#patchPod(cluster, pod, { annotations: { [CONFIG_CALL_ANNOTATION]: `${hash} ${atMs}` } });
  }

  /** The UID in the patch makes it fail for another pod of the same name. */
  async #patchPod(
    cluster: RealtimeCluster,
    { name, uid }: { readonly name: string; readonly uid: string },
    metadata: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const ref = refIn(cluster, RESOURCES.pods, name);
    await this.#client.patch(ref, { type: "merge", body: { metadata: { uid, ...metadata } } });
  }

  async delete(cluster: RealtimeCluster, action: ActionOf<"delete">): Promise<void> {
    const { resource, name, uid, resourceVersion } = action;
    this.#applied.delete(`${resource.plural}/${cluster.metadata.namespace}/${name}`);
    await this.#client.delete(refIn(cluster, resource, name), {
      uid,
      ...(resourceVersion !== undefined && { resourceVersion }),
    });
  }
}

function refIn({ metadata: { namespace } }: RealtimeCluster, resource: Resource, name: string): ObjectRef {
  return { resource, name, namespace };
}

function mustBeOurs(
  { metadata: { name, namespace, uid } }: RealtimeCluster,
  { kind }: Resource,
  live: KubeObject,
): void {
  if (live.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) return;
  throw new NameCollisionError(kind, live.metadata.name, namespace, name);
}
