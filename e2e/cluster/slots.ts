import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { slots } from "./layout.ts";

/** The two clusters of the Makefile have slots of their own, so that their addresses are the same every time. */
const reserved: Readonly<Record<string, number>> = { belay: 0, test: 1 };

/** Which slots a name may take, first choice first. Pure. */
export function candidateSlots(name: string): readonly number[] {
  const own = reserved[name];
  if (own !== undefined) return [own];
  const taken = new Set(Object.values(reserved));
  return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !taken.has(slot));
}

function claimedSlots(dir: string): ReadonlyMap<number, string> {
  try {
    return new Map(readdirSync(dir).map((slot) => [Number(slot), readFileSync(`${dir}/${slot}`, "utf8").trim()]));
  } catch {
    return new Map();
  }
}

/** The slot a cluster has, if it has one. */
export function slotOf(runDir: string, name: string): number | undefined {
  for (const [slot, owner] of claimedSlots(`${runDir}/slots`)) if (owner === name) return slot;
  return undefined;
}

/** The slot of this cluster, claimed for it if it has none. */
export function claimSlot(runDir: string, name: string): number {
  const dir = `${runDir}/slots`;
  const own = slotOf(runDir, name);
  if (own !== undefined) return own;
  mkdirSync(dir, { recursive: true });
  for (const slot of candidateSlots(name)) {
    try {
      writeFileSync(`${dir}/${slot}`, name, { flag: "wx" });
      return slot;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  const owners = [...claimedSlots(dir).values()].join(", ");
  throw new Error(`no place for a further cluster beside ${owners}: take one down with \`make down CLUSTER=name\``);
}

/** Gives the slot back; `true` when no other cluster has one. */
export function releaseSlot(runDir: string, name: string): boolean {
  const slot = slotOf(runDir, name);
  if (slot !== undefined) rmSync(`${runDir}/slots/${slot}`, { force: true });
  return claimedSlots(`${runDir}/slots`).size === 0;
}
