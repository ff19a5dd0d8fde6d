import { mkdirSync, readdirSync, readFileSync, rmSync, rmdirSync } from "node:fs";
import { eventuallyTrue } from "../eventually.ts";
import { cgroupProcesses, removeCgroups } from "./cgroups.ts";
import { run, succeeds } from "./command.ts";
import { type MarkedProcess, markedProcesses, runningDaemon } from "./daemon.ts";
import type { ClusterLayout } from "./layout.ts";
import { removeNetwork } from "./network.ts";
import { identify, isAlive, type ProcessIdentity, signal } from "./process-identity.ts";
import { releaseSlot } from "./slots.ts";
import { readText } from "./state-files.ts";
import { type Outcome, step } from "./steps.ts";
import { restoreSysctls } from "./sysctls.ts";

function isMounted(path: string): boolean {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[1] === path);
}

/** All state of a cluster is memory: gone with its mount, and with a reboot. `true` when it was made now. */
export async function ensureStateMount(layout: ClusterLayout): Promise<boolean> {
  if (isMounted(layout.stateDir)) return false;
  mkdirSync(layout.stateDir, { recursive: true });
  await run(["mount", "-t", "tmpfs", "-o", "size=75%,mode=0755", `belay-${layout.name}`, layout.stateDir]);
  return true;
}

/** A process that is told to end, and waited for. SIGKILL: there is no state that would be worth a farewell. */
async function kill(targets: readonly ProcessIdentity[]): Promise<void> {
  for (const target of targets) signal(target, "SIGKILL");
  await eventuallyTrue("processes end", { withinMs: 15_000, everyMs: 20 }, () => !targets.some(isAlive));
}

function cgroupPrefix(layout: ClusterLayout): string {
  return `${layout.bridge}-node`;
}

/** Removes a cluster, or whatever a dead run has left of one. Finds things by their names, so it needs no record of them. */
export function removeCluster(layout: ClusterLayout): Promise<Outcome> {
  return step(`remove cluster ${layout.name}`, async () => {
    const marked = markedProcesses(layout.stateDir);
    await kill(marked);
    // Containers die with their node's first process, but the kernel takes its time.
    await kill(
      cgroupProcesses(cgroupPrefix(layout))
        .map(identify)
        .filter((found) => found !== undefined),
    );
    const network = await removeNetwork(layout);
    const cgroups = await removeCgroups(cgroupPrefix(layout));
    const mounted = isMounted(layout.stateDir);
    while (isMounted(layout.stateDir)) await run(["umount", "--recursive", layout.stateDir]);
    rmSync(layout.stateDir, { recursive: true, force: true });
    if (releaseSlot(layout.runDir, layout.name)) removeRunDir(layout.runDir);
    return marked.length > 0 || network || cgroups || mounted ? "done" : "unchanged";
  });
}

function removeRunDir(runDir: string): void {
  restoreSysctls(runDir);
  for (const dir of [`${runDir}/slots`, runDir]) {
    try {
      rmdirSync(dir);
    } catch {
      // Never there, or something of a person's is in it.
    }
  }
}

/** What a cluster was made from; another one cannot be mended into it. */
export function recordFile(layout: ClusterLayout): string {
  return `${layout.stateDir}/cluster.json`;
}

/**
 * The first step of every `up`. A cluster of other pins or another number of nodes is removed as a whole; of a right one, what no
 * living process owns any more goes: processes that no pidfile knows, and nodes whose first process is dead.
 */
export async function sweep(layout: ClusterLayout, record: string): Promise<void> {
  const known = isMounted(layout.stateDir) && readText(recordFile(layout)) === record;
  if (!known) {
    await removeCluster(layout);
    return;
  }
  await step("clean up after a dead run", async () => {
    const deadNodes = layout.nodes.filter((node) => runningDaemon(layout.stateDir, node.name) === undefined);
    const strays = markedProcesses(layout.stateDir).filter((found) => isStray(layout, found));
    await kill(strays);
    for (const node of deadNodes) {
      await succeeds(["ip", "link", "del", node.interface]);
      await removeCgroups(node.cgroup);
      for (const left of readdirSafe(node.stateDir))
        if (left !== "kubelet.conf") rmSync(`${node.stateDir}/${left}`, { recursive: true });
    }
    return strays.length > 0 || deadNodes.length > 0 ? "done" : "unchanged";
  });
}

/** Without a living daemon of its name it was started and never recorded. Shims rightly outlive their containerd. */
function isStray(layout: ClusterLayout, found: MarkedProcess): boolean {
  return runningDaemon(layout.stateDir, found.daemon) === undefined && !found.command.startsWith("containerd-shim");
}

function readdirSafe(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
