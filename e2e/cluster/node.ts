import { eventually } from "../eventually.ts";
import { makeCgroup } from "./cgroups.ts";
import { run, succeeds } from "./command.ts";
import { type Daemon, ensureDaemon, logFile } from "./daemon.ts";
import { readFileSync } from "node:fs";
import type { ClusterLayout, NodeLayout } from "./layout.ts";
import { ensureCable } from "./network.ts";
import { nodeFiles } from "./node-config.ts";
import type { ImageArchive } from "./provider.ts";
import { isAlive, type ProcessIdentity } from "./process-identity.ts";
import { writeFiles } from "./state-files.ts";
import { type Outcome, step } from "./steps.ts";

/** Where the tools are as seen from within a node. */
function toolsInside(layout: ClusterLayout): string {
  return `${layout.runDir}/bin`;
}

/**
 * What the first process of a node does before it sits down. The node gets its own /run and /var, which hold everything that
 * containerd, CNI and kubelet write outside their configured directories; they end with the namespace, so nothing of them can
 * stay behind on the machine. /tmp is where the volumes are (control-plane.ts). Cluster state and tools are shown at the paths they have outside.
 */
function holderScript(layout: ClusterLayout, node: NodeLayout, bin: string): string {
  const root = `${node.stateDir}/root`;
  // The state directory and the tools, as they will lie below the node's own /run.
  const state = `${root}${layout.stateDir}`;
  const tools = `${root}${toolsInside(layout)}`;
  return [
    `mkdir -p ${layout.stateDir}/volumes ${state} ${tools} ${root}/var/lib ${root}/var/log ${root}/var/tmp`,
    `ln -sfn /run ${root}/var/run`,
    `mount --bind ${layout.stateDir} ${state}`,
    `mount --bind ${bin} ${tools}`,
    `mount --bind ${root}/var /var`,
    `mount --bind ${layout.stateDir}/volumes /tmp`,
    `mount --rbind ${root}/run /run`,
    `exec ${toolsInside(layout)}/pause`,
  ].join(" && ");
}

function holderDaemon(layout: ClusterLayout, node: NodeLayout, bin: string): Daemon {
  const namespaces = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation=private"];
  return {
    name: node.name,
    stateDir: layout.stateDir,
    command: ["unshare", ...namespaces, "--", "sh", "-c", holderScript(layout, node, bin)],
    forks: true,
  };
}

/** The node's namespaces, held by a process: when it is killed, the kernel kills everything in the node. */
async function ensureHolder(layout: ClusterLayout, node: NodeLayout, bin: string): Promise<ProcessIdentity> {
  const { process: holder } = await ensureDaemon(holderDaemon(layout, node, bin));
  await eventually(`${node.name} sits`, { withinMs: 5_000, everyMs: 10 }, () => {
    if (!isAlive(holder)) throw new Error(`its first process ended; see ${logFile(layout.stateDir, node.name)}`);
    return readFileSync(`/proc/${holder.pid}/comm`, "utf8").trim() === "pause" ? true : undefined;
  });
  return holder;
}

function nodeDaemons(layout: ClusterLayout, node: NodeLayout, within: ProcessIdentity): readonly Daemon[] {
  const tools = toolsInside(layout);
  const common = { stateDir: layout.stateDir, within, env: { TMPDIR: `${node.stateDir}/tmp` } };
  return [
    {
      ...common,
      name: `${node.name}-containerd`,
      command: ["containerd", "--config", `${node.stateDir}/containerd.toml`],
      files: [`${node.stateDir}/containerd.toml`],
    },
    {
      ...common,
      name: `${node.name}-kubelet`,
      command: [
        `${tools}/kubelet`,
        `--config=${node.stateDir}/kubelet.json`,
        `--kubeconfig=${node.stateDir}/kubelet.conf`,
        `--hostname-override=${node.name}`,
        `--node-ip=${node.address}`,
        `--root-dir=${node.stateDir}/kubelet`,
        `--cert-dir=${node.stateDir}/kubelet-pki`,
      ],
      files: [`${node.stateDir}/kubelet.json`, `${node.stateDir}/kubelet.conf`],
    },
    {
      ...common,
      name: `${node.name}-kube-proxy`,
      command: [`${tools}/kube-proxy`, `--config=${node.stateDir}/kube-proxy.json`],
      files: [`${node.stateDir}/kube-proxy.json`],
    },
  ];
}

export interface NodeRequest {
  readonly layout: ClusterLayout;
  readonly node: NodeLayout;
  readonly bin: string;
  readonly pauseImage: string;
}

/** Brings up one node as far as its daemons; whether Kubernetes finds it ready is asked later, for all at once. */
export function ensureNode({ layout, node, bin, pauseImage }: NodeRequest): Promise<Outcome> {
  return step(
    `${node.name}: namespaces, containerd, kubelet, kube-proxy`,
    async () => {
      makeCgroup(node.cgroup);
      writeFiles({ ...nodeFiles(layout, node, pauseImage), [`${node.stateDir}/tmp/.keep`]: "" });
      const holder = await ensureHolder(layout, node, bin);
      await ensureCable(layout, node, holder);
      const [containerd, ...rest] = nodeDaemons(layout, node, holder);
      const outcomes: Outcome[] = [];
      if (containerd !== undefined) outcomes.push((await ensureDaemon(containerd)).outcome);
      await eventually("containerd answers", { withinMs: 20_000 }, async () =>
        (await succeeds(["ctr", "--address", node.socket, "version"])) ? true : undefined,
      );
      for (const daemon of rest) outcomes.push((await ensureDaemon(daemon)).outcome);
      return outcomes.includes("done") ? "done" : "unchanged";
    },
    logFile(layout.stateDir, `${node.name}-kubelet`),
  );
}

/** Imports image archives that a node does not have yet. */
export async function importImages(node: NodeLayout, archives: readonly ImageArchive[]): Promise<Outcome> {
  const ctr = ["ctr", "--address", node.socket, "--namespace", "k8s.io", "images"];
  const present = new Set((await run([...ctr, "list", "--quiet"])).split("\n"));
  let outcome: Outcome = "unchanged";
  for (const { image, archive, alias = image } of archives) {
    if (present.has(image) && present.has(alias)) continue;
    await run([...ctr, "import", archive]);
    if (alias !== image) await run([...ctr, "tag", "--force", image, alias]);
    outcome = "done";
  }
  return outcome;
}
