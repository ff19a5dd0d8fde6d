import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** What a kubelet sets for the whole machine at its start: no namespace keeps these from the host. */
const touched = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "kernel/keys/root_maxbytes",
];

function read(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** Remembers the machine's own values before the first cluster starts. */
export function saveSysctls(runDir: string): void {
  const file = `${runDir}/sysctls.json`;
  if (existsSync(file)) return;
  mkdirSync(runDir, { recursive: true });
  writeFileSync(file, JSON.stringify(Object.fromEntries(touched.map((name) => [name, read(name)]))));
}

/** Puts them back after the last one. */
export function restoreSysctls(runDir: string): void {
  const file = `${runDir}/sysctls.json`;
  if (!existsSync(file)) return;
  const saved = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
  for (const name of touched) {
    const value = saved[name];
    if (value !== undefined && value !== read(name)) writeFileSync(`/proc/sys/${name}`, value);
  }
  rmSync(file);
}
