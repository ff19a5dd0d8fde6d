import { BrokerUnavailableError } from "../broker/broker.ts";
import { ClusterView } from "./cluster-view.ts";
import type {
  BatchCommand,
  CommandConnection,
  CommandOptions,
  PartitionMoves,
  RedisArgument,
  RedisRequest,
  ScriptArguments,
  ServerCommands,
} from "./command-connection.ts";
import { keySlot } from "./key-slot.ts";
import { type ClusterTopology, nodeOf } from "./redis-topology.ts";
import type { RedisScript } from "./redis-script.ts";
import { type Redirect, redirectOf } from "./redirect.ts";
import { runOf, ShardCommands } from "./shard-commands.ts";
import { SlotMoves } from "./slot-moves.ts";

export interface ClusterCommandsOptions extends CommandOptions {
  readonly topology: ClusterTopology;
}

/** Servers that one command is sent to before it is given up. */
const MAX_HOPS = 4;

/** One connection to each primary of a cluster; every command goes where its key is, and follows where a server sends it. */
export class ClusterCommands implements CommandConnection {
  readonly #options: ClusterCommandsOptions;
  readonly #view: ClusterView;
  readonly #shards = new Map<string, ShardCommands>();
  readonly #moves: SlotMoves | undefined;
  #losses = 0;
  #isAvailable = false;
  #isClosed = false;

  constructor(options: ClusterCommandsOptions) {
    this.#options = options;
    this.#view = new ClusterView({ ...options, onChange: (moved) => this.#onTable(moved) });
    const { clock, log, runKeys: keys } = options;
    if (keys === undefined) return;
    this.#moves = new SlotMoves({
      clock,
      log,
      keys,
      shards: this.#shards,
      ownerOf: (slot) => this.#view.table?.ownerOf(slot),
      primaries: () => this.#view.table?.primaries ?? new Set<string>(),
    });
  }

  get moves(): PartitionMoves | undefined {
    return this.#moves;
  }

  get available(): boolean {
    return this.#isAvailable;
  }

  open(): void {
    this.#view.open();
    this.#moves?.open();
  }

  runIdOf(key: string): string {
    const owner = this.#view.table?.ownerOf(keySlot(key));
    return owner === undefined ? "" : (this.#shards.get(owner)?.runIdOf() ?? "");
  }

  get losses(): number {
    return this.#losses;
  }

  reaches(key: string): boolean {
    return this.#shards.get(this.#view.table?.ownerOf(keySlot(key)) ?? "")?.available === true;
  }

  serverOf(key: string, refusal?: unknown): ServerCommands {
    const redirect = redirectOf(refusal);
    if (redirect?.kind === "MOVED") this.#view.learn(redirect.slot, redirect.owner);
    else if (redirect !== undefined) this.#view.markMoving(redirect.slot);
    // Without a cause it is our own, and says nothing of where keys are.
    else if (refusal instanceof Error && refusal.cause !== undefined) this.#view.doubt();
    return this.#ownerShard(this.#view.table?.ownerOf(keySlot(key)));
  }

  run(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown> {
    return this.#send(keySlot(keys[0] ?? ""), { script, keys, args });
  }

  runForBuffers(script: RedisScript, keys: readonly string[], args: ScriptArguments): Promise<unknown> {
    return this.#send(keySlot(keys[0] ?? ""), { script, keys, args, buffers: true });
  }

  call(command: string, ...args: readonly RedisArgument[]): Promise<unknown> {
    return this.#send(keySlot(String(args[0] ?? this.#options.homeKey ?? "")), { command, args });
  }

  async publish(channel: string, payload: string | Buffer): Promise<number> {
    const slot = keySlot(channel);
    const request = { command: "SPUBLISH", args: [channel, payload] };
    const former = this.#view.formerOwnerOf(slot);
    const reached = this.#send(slot, request);
    const alsoReached = former === undefined ? 0 : this.#shard(former).send(request);
    // A former owner that knows of the move refuses; whoever listened to it hears the new one.
    const [receivers, others] = await Promise.allSettled([reached, alsoReached]);
    if (receivers.status === "rejected") throw receivers.reason;
    return Number(receivers.value) + (others.status === "fulfilled" ? Number(others.value) : 0);
  }

  isSettled(key: string): boolean {
    return this.#view.isSettled(keySlot(key));
  }

  async batch(commands: readonly BatchCommand[]): Promise<readonly unknown[]> {
    const replies: unknown[] = [];
    const byOwner = Map.groupBy(commands.keys(), (index) => this.#view.table?.ownerOf(slotOf(commands[index])));
    const sent = [...byOwner].map(async ([owner, indices]) => {
      const part = indices.flatMap((index) => commands[index] ?? []);
      const outcomes = await this.#ownerShard(owner).outcomes(part);
      for (const [at, outcome] of outcomes.entries())
        replies[indices[at] ?? 0] = outcome instanceof Error ? await this.#again(part[at], outcome) : outcome;
    });
    const settled = await Promise.allSettled(sent);
    for (const each of settled) if (each.status === "rejected") throw each.reason;
    return replies;
  }

  close(): void {
    this.#isClosed = true;
    this.#isAvailable = false;
    this.#view.close();
    this.#moves?.close();
    for (const shard of this.#shards.values()) shard.close();
  }

  /** One command of a batch that was sent to the wrong server. */
  #again(command: BatchCommand | undefined, refusal: Error): Promise<unknown> {
    const redirect = redirectOf(refusal);
    if (redirect === undefined || command === undefined) throw refusal;
    const request = "script" in command ? { script: command.script, keys: [command.key], args: command.args } : command;
    return this.#follow(redirect, request, 1);
  }

  async #send(slot: number, request: RedisRequest): Promise<unknown> {
    return this.#sendTo(this.#ownerShard(this.#view.table?.ownerOf(slot)), request, { asking: false, hop: 0 });
  }

  async #sendTo(
    shard: ShardCommands,
    request: RedisRequest,
    { asking, hop }: { readonly asking: boolean; readonly hop: number },
  ): Promise<unknown> {
    try {
      return await shard.send(request, asking);
    } catch (error) {
      const redirect = redirectOf(error);
      if (redirect === undefined || hop >= MAX_HOPS) {
        this.#view.doubt();
        throw error;
      }
      return this.#follow(redirect, request, hop + 1);
    }
  }

  #follow({ kind, slot, owner }: Redirect, request: RedisRequest, hop: number): Promise<unknown> {
    if (kind === "ASK") this.#view.markMoving(slot);
    else this.#view.learn(slot, owner);
    return this.#sendTo(this.#shard(owner), request, { asking: kind === "ASK", hop });
  }

  #ownerShard(owner: string | undefined): ShardCommands {
    if (owner !== undefined) return this.#shard(owner);
    this.#view.doubt();
    throw new BrokerUnavailableError("no primary holds this key");
  }

  #shard(name: string): ShardCommands {
    const known = this.#shards.get(name);
    if (known !== undefined) return known;
    const { onInfo } = this.#options;
    const shard = new ShardCommands({
      ...this.#options,
      target: nodeOf(name, this.#options.topology),
      ...(onInfo !== undefined && {
        onInfo: (info) => {
          this.#moves?.learned(runOf(info));
          onInfo(info);
        },
      }),
      onAvailable: (available) => {
        if (available) void this.#moves?.lookAt(name);
        else this.#view.doubt();
        this.#report();
      },
      onLoss: () => this.#lose(),
      onServer: () => this.#options.onServer?.((key) => this.#view.table?.ownerOf(keySlot(key)) === name),
    });
    this.#shards.set(name, shard);
    if (!this.#isClosed) shard.open();
    return shard;
  }

  #onTable(moved: readonly number[]): void {
    const nodes = this.#view.table?.nodes ?? new Set<string>();
    for (const primary of this.#view.table?.primaries ?? []) this.#shard(primary);
    for (const [name, shard] of this.#shards) {
      // Nodes without slots may be about to get some; who left the cluster is of no use.
      if (nodes.has(name)) continue;
      shard.close();
      this.#shards.delete(name);
    }
    if (this.#hasFailedOver(moved)) this.#lose();
    void this.#moves?.follow(moved);
    this.#report();
  }

  /** Whoever gave slots away and goes on has given all that was in them. */
  #hasFailedOver(moved: readonly number[]): boolean {
    const primaries = this.#view.table?.primaries;
    const former = new Set(moved.map((slot) => this.#view.formerOwnerOf(slot)));
    return [...former].some((name) => name !== undefined && primaries?.has(name) !== true);
  }

  #lose(): void {
    this.#losses += 1;
    this.#options.onLoss?.();
  }

  #report(): void {
    const isAvailable = !this.#isClosed && this.#areOwnersAvailable();
    if (!isAvailable && !this.#isClosed) this.#view.doubt();
    if (isAvailable === this.#isAvailable || this.#isClosed) return;
    this.#isAvailable = isAvailable;
    this.#options.onAvailable(isAvailable);
  }

  #areOwnersAvailable(): boolean {
    const { table } = this.#view;
    if (table === undefined) return false;
    const { homeKey } = this.#options;
    const owners = homeKey === undefined ? [...table.owners] : [table.ownerOf(keySlot(homeKey)) ?? ""];
    return owners.length > 0 && owners.every((owner) => this.#shards.get(owner)?.available === true);
  }
}

function slotOf(command: BatchCommand | undefined): number {
  if (command === undefined) return 0;
  return keySlot("script" in command ? command.key : String(command.args[0]));
}
