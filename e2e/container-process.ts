import { readdir, readFile } from "node:fs/promises";

/**
 * The process ids of a pod's containers on this machine. The local provider's Kubernetes nodes are network namespaces of this
 * machine, so a container's process is an ordinary process whose cgroup names the pod.
 */
async function processesOfPod(podUid: string, command: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const cgroup = await readFile(`/proc/${entry}/cgroup`, "utf8");
      if (!cgroup.includes(`pod${podUid}`)) continue;
      const cmdline = await readFile(`/proc/${entry}/cmdline`, "utf8");
      if (cmdline.split("\0")[0]?.endsWith(command) === true) found.push(Number(entry));
    } catch {
      // The process ended while we looked.
    }
  }
  return found;
}

/** Sends a signal to a pod's main process; fails where none is found, so that a scenario cannot pass by missing its victim. */
export async function signalPod(podUid: string, signal: NodeJS.Signals, command = "node"): Promise<void> {
  const pids = await processesOfPod(podUid, command);
  if (pids.length === 0) throw new Error(`no ${command} process of pod ${podUid} on this machine`);
  for (const pid of pids) process.kill(pid, signal);
}
