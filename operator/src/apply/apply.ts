/** Carries out a plan's actions in order; independent ones go on when one fails. */
import type { RealtimeCluster } from "../api/v1alpha1/realtime-cluster.ts";
import type { Action } from "../plan/actions.ts";
import type { Failure } from "../plan/status.ts";
import { KubeError } from "../kube/kube-client.ts";
import type { DrainClient } from "./drain-client.ts";
import { judgeError, NameCollisionError, type Verdict } from "./failure.ts";
import type { SweepClient } from "./sweep-client.ts";
import type { PasswordChange } from "./password-change.ts";
import type { Writer } from "./writer.ts";

export interface Appliers {
  readonly writer: Writer;
  readonly passwords: PasswordChange;
  readonly drains: Pick<DrainClient, "send" | "cancel">;
  readonly sweeps: Pick<SweepClient, "send">;
  /** Token of the cluster's control ports. */
  readonly controlToken: (cluster: RealtimeCluster) => string | undefined;
  /** A pod that could not be told; the next pass tells it again. */
  readonly onPodFailure?: (pod: string, error: unknown) => void;
}

export interface Applied {
  /** Refused for good, to be shown in the status. */
  readonly failures: readonly Failure[];
  /** The first error that is worth a back-off. */
  readonly transient: Error | undefined;
  /** Somebody was faster: look again soon. */
  readonly outdated: boolean;
}

/** Pods are independent of one another: this many at a time. */
const PODS_AT_ONCE = 16;
const perPod = new Set<Action["type"]>([
  "gate",
  "reopen",
  "begin-drain",
  "drain",
  "cancel-drain",
  "call-config",
  "sweep",
]);

/** Rejects only when this replica does not lead any more. */
export async function applyActions(
  cluster: RealtimeCluster,
  actions: readonly Action[],
  appliers: Appliers,
): Promise<Applied> {
  const errors: FailedAction[] = [];
  const run = async (action: Action): Promise<void> => {
    try {
      await applyAction(cluster, action, appliers);
    } catch (error) {
      if (judgeError(error) === "not leading") throw error;
      errors.push({ action, error });
    }
  };
  for (const action of actions.filter(({ type }) => !perPod.has(type))) {
    // Pods would mount what belongs to somebody else.
    const isBlocked = action.type === "create" && errors.some(({ error }) => error instanceof NameCollisionError);
    if (!isBlocked) await run(action);
  }
  const pods = actions.filter(({ type }) => perPod.has(type)).values();
  await Promise.all(
    Array.from({ length: PODS_AT_ONCE }, async () => {
      for (const action of pods) await run(action);
    }),
  );
  return outcome(errors);
}

interface FailedAction {
  readonly action: Action;
  readonly error: unknown;
}

function outcome(failed: readonly FailedAction[]): Applied {
  const of = (verdict: Verdict): readonly FailedAction[] => failed.filter(({ error }) => judgeError(error) === verdict);
  return {
    failures: of("refused").map(failureOf),
    transient: asError(of("transient")[0]?.error),
    outdated: of("outdated").length > 0,
  };
}

function asError(error: unknown): Error | undefined {
  return error === undefined || error instanceof Error ? error : new Error("a write failed", { cause: error });
}

function failureOf({ action, error }: FailedAction): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NameCollisionError) return { reason: "NameCollision", message };
  return { reason: "ApplyFailed", message: `the API server refuses ${subjectOf(action)}: ${message}` };
}

function subjectOf(action: Action): string {
  if ("child" in action) return `${action.child.manifest.kind} ${action.child.manifest.metadata.name}`;
  if (action.type === "change-password") return `Secret ${action.secret}`;
  if ("secret" in action) return `Secret ${action.secret.name}`;
  if ("deployment" in action) return `Deployment ${action.deployment}`;
  if ("pod" in action) return `Pod ${action.pod.name}`;
  return action.type === "delete" ? `to delete ${action.resource.kind} ${action.name}` : "spec.replicas";
}

/** A failed test is a 422: the object has changed since it was observed, which is a conflict, no refusal. */
async function asConflict(write: Promise<void>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 422 || error.message.includes("is invalid")) throw error;
    throw new KubeError(409, "Conflict", error.message);
  }
}

async function applyAction(cluster: RealtimeCluster, action: Action, appliers: Appliers): Promise<void> {
  if (action.type === "drain" || action.type === "cancel-drain" || action.type === "sweep")
    return askPod(cluster, action, appliers);
  return "pod" in action ? writePod(cluster, action, appliers.writer) : writeAction(cluster, action, appliers);
}

async function writeAction(
  cluster: RealtimeCluster,
  action: Exclude<Action, { readonly pod: unknown }>,
  { writer, passwords }: Pick<Appliers, "writer" | "passwords">,
): Promise<void> {
  switch (action.type) {
    case "apply":
      return writer.apply(cluster, action);
    case "create":
      return writer.create(cluster, action.child);
    case "generate-secret":
      return writer.generateSecret(cluster, action);
    case "change-password":
      return passwords.carryOut(cluster, action);
    case "write-replicas":
      return writer.writeReplicas(cluster, action.replicas);
    case "scale":
      return asConflict(writer.scale(cluster, action));
    case "restore-template":
      return asConflict(writer.restoreTemplate(cluster, action));
    case "delete":
      return writer.delete(cluster, action);
  }
}

async function writePod(
  cluster: RealtimeCluster,
  action: Extract<Action, { readonly type: "gate" | "reopen" | "begin-drain" | "call-config" }>,
  writer: Writer,
): Promise<void> {
  switch (action.type) {
    case "gate":
      return writer.gate(cluster, action);
    case "reopen":
      return writer.reopen(cluster, action);
    case "begin-drain":
      return writer.beginDrain(cluster, action);
    case "call-config":
      return writer.callConfig(cluster, action);
  }
}

async function askPod(
  cluster: RealtimeCluster,
  action: Extract<Action, { readonly type: "drain" | "cancel-drain" | "sweep" }>,
  appliers: Appliers,
): Promise<void> {
  const token = appliers.controlToken(cluster);
  if (token === undefined) return;
  // A pod that does not answer is no fault of the API server's: its deadline runs, and the next pass asks again.
  await ask(action, token, appliers).catch((error: unknown) => appliers.onPodFailure?.(action.pod.name, error));
}

function ask(
  action: Extract<Action, { readonly type: "drain" | "cancel-drain" | "sweep" }>,
  token: string,
  { drains, sweeps }: Appliers,
): Promise<void> {
  const { pod } = action;
  switch (action.type) {
    case "drain":
      return drains.send(pod, token, action.request);
    case "cancel-drain":
      return drains.cancel(pod, token, action.request);
    case "sweep":
      return sweeps.send(pod, token, action.podUids);
  }
}
