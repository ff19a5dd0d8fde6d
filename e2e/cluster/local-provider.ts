import { eventually } from "../eventually.ts";
import type { Cache } from "./cache.ts";
import { ensureStateMount, recordFile, removeCluster, sweep } from "./cleanup.ts";
import { clusterObjects } from "./cluster-objects.ts";
import { run } from "./command.ts";
import { ensureApiServer, ensureControlPlane, kubectl } from "./control-plane.ts";
import { stopDaemon } from "./daemon.ts";
import { ensureDebianPackages } from "./debian-packages.ts";
import { binariesFor, ensureBinaries } from "./go-binaries.ts";
import { builtImages, pauseArchive } from "./images.ts";
import { type ClusterLayout, makeLayout } from "./layout.ts";
import { ensureBridge } from "./network.ts";
import { ensureNode, importImages } from "./node.ts";
import { pins } from "./pins.ts";
import { ensurePki } from "./pki.ts";
import type { Images, Provider } from "./provider.ts";
import { claimSlot, slotOf } from "./slots.ts";
import { readText, writeFiles } from "./state-files.ts";
import { step } from "./steps.ts";
import { saveSysctls } from "./sysctls.ts";

export interface LocalRequest {
  readonly name: string;
  /** Absent: as many as the cluster has, or two. */
  readonly nodes: number | undefined;
  readonly cache: Cache;
}

const runDir = "/run/belay";
const defaultNodes = 2;

interface ClusterRecord {
  readonly tools: string;
  readonly nodes: number;
}

function existingNodes(name: string): number | undefined {
  const text = readText(`${runDir}/${name}/cluster.json`);
  return text === undefined ? undefined : (JSON.parse(text) as ClusterRecord).nodes;
}

/** Kubernetes from processes of this machine: no Docker, no virtual machine, no registry. Linux, root. */
export class LocalProvider implements Provider {
  readonly #cache: Cache;
  readonly #name: string;
  readonly #nodes: number;

  constructor({ name, nodes, cache }: LocalRequest) {
    this.#cache = cache;
    this.#name = name;
    this.#nodes = nodes ?? existingNodes(name) ?? defaultNodes;
  }

  kubeconfig(): Promise<string> {
    return Promise.resolve(this.#layout().kubeconfig);
  }

  async up(): Promise<void> {
    requireRoot();
    await ensureDebianPackages(pins.debianPackages.cluster);
    await ensureBinaries(this.#cache, binariesFor("local"));
    const text = JSON.stringify({ tools: this.#cache.bin, nodes: this.#nodes } satisfies ClusterRecord);
    await sweep(this.#claim(), text);
    // The sweep gives the slot back where it removed a whole cluster.
    const layout = this.#claim();
    saveSysctls(runDir);
    await step("state on tmpfs, bridge and routes", async () => {
      const mounted = await ensureStateMount(layout);
      writeFiles({ [recordFile(layout)]: text });
      const bridge = await ensureBridge(layout);
      return mounted ? "done" : bridge;
    });
    await ensurePki(layout, this.#cache.bin);
    const [, pause] = await Promise.all([ensureControlPlane(layout, this.#cache.bin), pauseArchive(this.#cache)]);
    await Promise.all([
      this.#ensureObjects(layout),
      ...layout.nodes.map((node) => ensureNode({ layout, node, bin: this.#cache.bin, pauseImage: pause.image })),
    ]);
    await Promise.all(layout.nodes.map((node) => importImages(node, [pause])));
    await this.#awaitNodes(layout);
  }

  async down(): Promise<void> {
    requireRoot();
    // Without a slot there may still be leftovers; claiming one also makes sure that its addresses are nobody else's.
    await removeCluster(this.#claim());
  }

  async images(): Promise<Images> {
    const { images, archives } = await builtImages(this.#cache);
    const { nodes } = this.#layout();
    await Promise.all(nodes.map((node) => step(`images into ${node.name}`, () => importImages(node, archives))));
    return images;
  }

  async stopApiServer(): Promise<void> {
    await stopDaemon(this.#layout().stateDir, "kube-apiserver");
  }

  async startApiServer(): Promise<void> {
    await ensureApiServer(this.#layout(), this.#cache.bin);
  }

  nodeAddress(): Promise<string> {
    return Promise.resolve(this.#layout().nodes[0]?.address ?? "");
  }

  #claim(): ClusterLayout {
    return this.#layoutIn(claimSlot(runDir, this.#name));
  }

  #layout(): ClusterLayout {
    const slot = slotOf(runDir, this.#name);
    if (slot === undefined) throw new Error(`there is no cluster ${this.#name}: make up CLUSTER=${this.#name}`);
    return this.#layoutIn(slot);
  }

  #layoutIn(slot: number): ClusterLayout {
    return makeLayout({ name: this.#name, slot, nodes: this.#nodes, runDir });
  }

  async #ensureObjects(layout: ClusterLayout): Promise<void> {
    await step("roles and DNS service", async () => {
      const objects = JSON.stringify(clusterObjects(layout));
      const printed = await run([...kubectl(layout, this.#cache.bin), "apply", "-f", "-"], { input: objects });
      return printed.split("\n").every((line) => line.endsWith("unchanged")) ? "unchanged" : "done";
    });
  }

  async #awaitNodes(layout: ClusterLayout): Promise<void> {
    const names = layout.nodes.map((node) => node.name);
    await step("nodes are Ready", async () => {
      const wait = [...kubectl(layout, this.#cache.bin), "wait", "--for=condition=Ready", "--timeout=5s"];
      await eventually("nodes are Ready", { withinMs: 60_000, everyMs: 200 }, async () => {
        await run([...wait, ...names.map((name) => `node/${name}`)]);
        return true;
      });
      return "done";
    });
  }
}

function requireRoot(): void {
  if (process.getuid?.() !== 0) throw new Error("PROVIDER=local makes namespaces, mounts and routes: run it as root");
}
