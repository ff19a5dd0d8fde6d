import { ADOPT_SCRIPT } from "./adopt-script.ts";
import { type ClusterNode, holdsSlot, parseClusterNodes } from "./cluster-nodes.ts";
import type { RedisRequest } from "./command-connection.ts";
import { type Redirect, redirectOf } from "./redirect.ts";
import { runOf } from "./shard-commands.ts";

/** A connection to one primary of the cluster. */
export interface MovesShard {
  readonly available: boolean;
  runIdOf(): string;
  send(request: RedisRequest, asking?: boolean): Promise<unknown>;
}

export interface MoveQuestion {
  /** A partition's hash, which names a run. */
  readonly key: string;
  readonly slot: number;
  /** That run. */
  readonly run: string;
}

/** Where the data of a slot are. */
export interface SlotPlace {
  readonly name: string;
  /** The owner has marked the slot as on its way there. */
  readonly isAsking: boolean;
}

/** A proof is good for this long, seconds. */
const PROOF_S = 2;

/** Where a slot's data are, as its owner says; undefined where keys of it are still on their way. */
export async function placeOf(
  owner: { readonly name: string; readonly shard: MovesShard },
  { key, slot }: Pick<MoveQuestion, "key" | "slot">,
): Promise<SlotPlace | undefined> {
  const redirect = await redirectTo(owner.shard, key);
  if (redirect === undefined) return { name: owner.name, isAsking: false };
  if (redirect.kind === "MOVED") return { name: redirect.owner, isAsking: false };
  const left = await owner.shard.send({ command: "CLUSTER", args: ["COUNTKEYSINSLOT", slot] });
  return left === 0 ? { name: redirect.owner, isAsking: true } : undefined;
}

/**
 * Whether the process that a partition names has itself given the slot to `here`, with all that it had; then the partition is
 * adopted there. ADR 0017 says what each question is for. Rejects where a server does not answer.
 */
export async function adoptMoved(
  question: MoveQuestion,
  there: MovesShard,
  { here, place }: { readonly here: MovesShard; readonly place: SlotPlace },
): Promise<boolean> {
  const { key, slot, run } = question;
  const hereRun = here.runIdOf();
  const began = await here.send({ command: "TIME", args: [] });
  const redirect = await redirectTo(there, key);
  if (redirect?.owner !== place.name || (redirect.kind === "ASK") !== place.isAsking) return false;
  if ((await there.send({ command: "CLUSTER", args: ["COUNTKEYSINSLOT", slot] })) !== 0) return false;
  const info = asText(await there.send({ command: "INFO", args: ["server", "replication"] }));
  if (runOf(info) !== run || !/^role:master\r?$/m.test(info)) return false;
  const giver = asText(await there.send({ command: "CLUSTER", args: ["MYID"] }));
  const nodes = parseClusterNodes(asText(await here.send({ command: "CLUSTER", args: ["NODES"] })));
  if (!isSeenFrom(nodes, { giver, slot, isAsking: place.isAsking })) return false;
  const args = [run, hereRun, Array.isArray(began) ? String(began[0]) : "0", PROOF_S];
  return (await here.send({ script: ADOPT_SCRIPT, keys: [key], args }, place.isAsking)) === 1;
}

interface SeenMove {
  /** Id of the node that gave the slot away. */
  readonly giver: string;
  readonly slot: number;
  readonly isAsking: boolean;
}

/** Whether a node that has got a slot sees the move as its giver does: a failover in between would show in the slots of the giver. */
export function isSeenFrom(nodes: readonly ClusterNode[], { giver, slot, isAsking }: SeenMove): boolean {
  const given = nodes.find(({ id }) => id === giver);
  if (given?.isSoundPrimary !== true || given.slots.length === 0) return false;
  const myself = nodes.find(({ isMyself }) => isMyself);
  if (isAsking) return myself?.importing.get(slot) === giver && holdsSlot(given, slot);
  return myself !== undefined && holdsSlot(myself, slot);
}

/** Where a server sends whoever asks for a key; undefined where it answers itself. */
async function redirectTo(shard: MovesShard, key: string): Promise<Redirect | undefined> {
  try {
    await shard.send({ command: "EXISTS", args: [key] });
    return undefined;
  } catch (error) {
    const redirect = redirectOf(error);
    if (redirect === undefined) throw error;
    return redirect;
  }
}

function asText(reply: unknown): string {
  return typeof reply === "string" ? reply : "";
}
