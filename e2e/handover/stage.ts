import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { ChannelTraffic } from "./channel-traffic.ts";
import { SdkFleet } from "./sdk-fleet.ts";

/** Of the RealtimeCluster. */
export const NAME = "move";
/** The figures of docs/handover.md are of 2,000. */
export const CLIENTS: number = Number(process.env["BELAY_HANDOVER_CLIENTS"] ?? 200);
export const CHANNELS: number = CLIENTS / 10;
/** Clients that are asked to leave, a second, where a scenario does not say. */
export const RATE: number = Math.ceil(CLIENTS / (CLIENTS < 1000 ? 8 : 27));
/** Seen by the clients: to ask the API server meanwhile would take from what is measured. */
export const ALL_GONE = { withinMs: 120_000, everyMs: 500 } as const;
const PER_USER = 5;
const OPEN_PER_SECOND = 100;
const ROOM = { allow: { publish: "authenticated" }, presence: true, joinLeave: "OnRequest" } as const;

export interface Stage extends AsyncDisposable {
  readonly fleet: SdkFleet;
  readonly traffic: ChannelTraffic;
  readonly revision: string;
}

export interface StageOptions {
  readonly channels: readonly string[];
  /** Messages. */
  readonly perSecond: number;
  /** Of the drain, besides the rate and the deadline that the scenarios have in common. */
  readonly drain?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
}

/** One pod with all clients, whose users have no place left, and traffic in all channels. */
export async function staged(
  ns: given.Namespace,
  { channels, perSecond, drain, limits }: StageOptions,
): Promise<Stage> {
  await given.realtimeCluster(ns, NAME, {
    replicas: 1,
    drain: { deadlineSeconds: 30, ratePerSecond: RATE, gracePeriodSeconds: 90, ...drain },
    limits: { maxConnectionsPerUser: PER_USER, ...limits },
    namespaces: [
      { name: "kept", history: { size: 1000, ttlSeconds: 300 }, ...ROOM },
      { name: "plain", ...ROOM },
    ],
  });
  const { cluster, url } = await given.readyCluster(ns, NAME);
  const apiKey = await given.apiKey(ns, NAME);
  const hmacSecret = await given.secretValue(ns, `${NAME}-keys`, "hmac");
  const traffic = ChannelTraffic.start({ url, apiKey, channels, perSecond });
  const options = { url, hmacSecret, count: CLIENTS, perUser: PER_USER, channels, openPerSecond: OPEN_PER_SECOND };
  const fleet = await SdkFleet.open(options, traffic.newest);
  return {
    fleet,
    traffic,
    revision: cluster.status?.revision ?? "",
    [Symbol.asyncDispose]: async () => {
      await traffic.stop();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

/** Names of channels, of each of the namespaces in turn. */
export function channelsOf(count: number, ...namespaces: readonly string[]): readonly string[] {
  return Array.from({ length: count }, (_, n) => `${namespaces[n % namespaces.length] ?? ""}:${n}`);
}

/** Resolves to the cluster when one pod of another revision is all there is. */
export async function rolledOut(ns: given.Namespace, from: string | undefined): Promise<given.RealtimeCluster> {
  const { value } = await eventually("the rollout is finished", { withinMs: 180_000, everyMs: 500 }, async () => {
    const seen = await given.readCluster(ns, NAME);
    const pods = await given.gatewayPods(ns, NAME);
    return given.isReady(seen) && seen.status?.revision !== from && pods.length === 1 ? seen : undefined;
  });
  return value;
}

/** Waits until nothing is missing any more; what is missing then the caller's check tells. */
export async function settled(faults: () => { readonly lost: number }): Promise<void> {
  const endMs = performance.now() + 20_000;
  await eventuallyTrue(
    "everything is shown",
    { withinMs: 30_000 },
    () => faults().lost === 0 || performance.now() > endMs,
  );
}
