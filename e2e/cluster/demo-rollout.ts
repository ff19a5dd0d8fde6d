/** `make demo-rollout`: replaces every gateway pod of the chat example while somebody watches. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./command.ts";
import { chatAddress, type Target } from "./deploy.ts";
import { say, seconds } from "./steps.ts";

const WATCHED_AFTER_MS = 20_000;
const ROLLED_WITHIN_MS = 600_000;
const LOOK_EVERY_MS = 500;
/** Pods that go may wait for Kubernetes a little after the cluster is Ready. */
const SELECTOR = "belay.dev/cluster=chat,belay.dev/component=gateway";

export interface RolledPod {
  readonly metadata: {
    readonly name: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export interface RolledCluster {
  readonly status?: {
    readonly revision?: string;
    readonly connections?: number;
    readonly draining?: readonly { readonly pod: string }[];
  };
}

/** One line for people: `chat-r1-x leaving, chat-r2-y starting; 2 connections`. Pure. */
export function progressLine(pods: readonly RolledPod[], { status }: RolledCluster): string {
  const draining = new Set(status?.draining?.map(({ pod }) => pod));
  const words = pods.map((pod) => `${pod.metadata.name} ${wordFor(pod, draining)}`);
  return `${words.join(", ")}; ${status?.connections ?? 0} connections`;
}

function wordFor({ metadata, status }: RolledPod, draining: ReadonlySet<string>): string {
  if (metadata.deletionTimestamp !== undefined) return "ends";
  if (draining.has(metadata.name)) return "leaving";
  const isReady = status.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
  return isReady ? "ready" : "starting";
}

/** Whether none of the pods that were there is left, and the others are ready. Pure. */
export function isReplaced(before: readonly RolledPod[], now: readonly RolledPod[]): boolean {
  const old = new Set(before.map(({ metadata }) => metadata.name));
  return (
    now.length >= before.length &&
    now.every((pod) => !old.has(pod.metadata.name) && wordFor(pod, new Set()) === "ready")
  );
}

/** A change of the pod template; its value is the time, so that every demonstration is another revision. */
function changeTemplate(nowText: string): string {
  return JSON.stringify({ spec: { gateway: { podTemplate: { annotations: { "demo.belay.dev/at": nowText } } } } });
}

export async function demoRollout(target: Target): Promise<void> {
  const kubectl = [`${target.bin}/kubectl`, `--kubeconfig=${target.kubeconfig}`, "--namespace=chat"];
  const read = async <T>(...what: readonly string[]): Promise<T> =>
    JSON.parse(await run([...kubectl, "get", ...what, "--output=json"])) as T;
  const podsNow = async (): Promise<readonly RolledPod[]> =>
    (await read<{ readonly items: readonly RolledPod[] }>("pods", `--selector=${SELECTOR}`)).items;

  const address = await chatAddress(target);
  say(`  open both of these side by side, and look at "lost", "duplicated" and the longest gap:`);
  say(`    ${address}?user=anna&auto=2`);
  say(`    ${address}?user=boris&auto=2`);
  await watched();

  const before = await podsNow();
  const started = performance.now();
  await run([...kubectl, "patch", "rtc/chat", "--type=merge", "-p", changeTemplate(new Date().toISOString())]);
  let shown = "";
  for (;;) {
    const [pods, cluster] = [await podsNow(), await read<RolledCluster>("rtc/chat")];
    const line = progressLine(pods, cluster);
    if (line !== shown) say(`  ${seconds(performance.now() - started).padStart(7)}  ${line}`);
    shown = line;
    if (isReplaced(before, pods)) break;
    if (performance.now() - started > ROLLED_WITHIN_MS) throw new Error("the pods are not replaced after 10 min");
    await sleep(LOOK_EVERY_MS);
  }
  say("");
  say(
    `  every gateway pod was replaced in ${seconds(performance.now() - started)}: the pages show what they saw of it`,
  );
}

/** Until Enter where somebody sits in front of it, else for a while. */
async function watched(): Promise<void> {
  if (!process.stdin.isTTY) {
    say(`  the rollout begins in ${seconds(WATCHED_AFTER_MS)}`);
    await sleep(WATCHED_AFTER_MS);
    return;
  }
  say("  press Enter to begin the rollout");
  await once(process.stdin, "data");
  process.stdin.pause();
}
