import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const root = "/sys/fs/cgroup";

function isUnified(): boolean {
  return existsSync(`${root}/cgroup.controllers`);
}

/** The hierarchies of cgroup v1, or the one of v2. */
function hierarchies(): readonly string[] {
  if (isUnified()) return [root];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, entry.name));
}

/** Of all pods of a node together, in units of one process beside them. With 1, which is the kernel's default, clients on the same host starve the pods they talk to. */
const NODE_WEIGHT = 4;

/** Makes the cgroup that a kubelet takes for its root. */
export function makeCgroup(name: string): void {
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, name), { recursive: true });
  if (isUnified()) {
    writeFileSync(`${root}/cgroup.subtree_control`, "+cpu +cpuset +memory +pids");
    writeFileSync(join(root, name, "cpu.weight"), String(100 * NODE_WEIGHT));
    return;
  }
  writeFileSync(join(root, "cpu", name, "cpu.shares"), String(1024 * NODE_WEIGHT));
  // A v1 cpuset is born empty, and an empty one refuses every process.
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    const from = join(root, "cpuset", file);
    if (existsSync(from)) writeFileSync(join(root, "cpuset", name, file), readFileSync(from, "utf8"));
  }
}

function subtree(dir: string): readonly string[] {
  const below = readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => subtree(join(dir, entry.name)));
  return [...below, dir];
}

function matching(prefix: string): readonly string[] {
  return hierarchies().flatMap((hierarchy) =>
    readdirSync(hierarchy)
      .filter((entry) => entry.startsWith(prefix))
      .map((entry) => join(hierarchy, entry)),
  );
}

/** Processes in the cgroups whose names begin so. */
export function cgroupProcesses(prefix: string): readonly number[] {
  const pids = matching(prefix)
    .flatMap(subtree)
    .flatMap((dir) => readFileSync(join(dir, "cgroup.procs"), "utf8").split("\n"));
  return [...new Set(pids.filter((pid) => pid !== "").map(Number))];
}

const patienceMs = 10_000;
const pollMs = 50;

/** Removes the cgroups whose names begin so, once their processes are gone; `true` when there were any. */
export async function removeCgroups(prefix: string): Promise<boolean> {
  const started = performance.now();
  const found = matching(prefix);
  for (;;) {
    try {
      for (const dir of matching(prefix).flatMap(subtree)) rmdirSync(dir);
      return found.length > 0;
    } catch (error) {
      // EBUSY: the kernel has not yet buried the last process.
      if (performance.now() - started > patienceMs) throw error;
      await sleep(pollMs);
    }
  }
}
