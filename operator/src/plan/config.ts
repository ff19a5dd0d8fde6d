/** Whether every pod runs the configuration that the ConfigMap holds, and how it gets there soon. */
import type { ConfigReport } from "@belay/protocol/control";
import type { Action } from "./actions.ts";
import type { Judgement } from "./judgement.ts";
import type { Observed, ObservedPod } from "./observed.ts";
import { activePods } from "./pods.ts";

/** A kubelet that was called before it had seen the new ConfigMap is called again after this long. Measured: 0.3 to 0.9 s from call to taken. */
const CALL_AGAIN_MS = 2_000;

interface ReportingPod {
  readonly pod: ObservedPod;
  readonly config: ConfigReport;
}

/** Pods of an older image say nothing, which is no fault. */
function reportingPods({ revisions }: Observed): readonly ReportingPod[] {
  return revisions.flatMap(activePods).flatMap((pod) => {
    const config = pod.load?.config;
    return config === undefined ? [] : [{ pod, config }];
  });
}

function isWaiting({ config }: ReportingPod, hash: string): boolean {
  return config.hash !== hash && config.refused?.hash !== hash;
}

/** Some pod has neither taken nor refused it yet. */
export function isConfigSpreading(observed: Observed, hash: string): boolean {
  return reportingPods(observed).some((each) => isWaiting(each, hash));
}

/**
 * A kubelet refreshes the files of a ConfigMap about once a minute (measured: 6 to 66 s), and at once when the pod itself changes: an
 * annotation does.
 * It does not touch the template, so no pod is replaced for it.
 */
export function configActions(observed: Observed, hash: string, nowMs: number): readonly Action[] {
  return reportingPods(observed)
    .filter((each) => isWaiting(each, hash) && !isCalled(each.pod, hash, nowMs))
    .map(({ pod: { name, uid } }) => ({ type: "call-config", pod: { name, uid }, hash, atMs: nowMs }));
}

function isCalled({ configCall }: ObservedPod, hash: string, nowMs: number): boolean {
  return configCall?.hash === hash && nowMs - configCall.atMs < CALL_AGAIN_MS;
}

/** Condition `ConfigApplied`. */
export function configApplied(observed: Observed, hash: string): Judgement {
  const type = "ConfigApplied";
  const pods = reportingPods(observed);
  const refusal = configRefusal(observed, hash);
  if (refusal !== undefined) return { type, status: "False", reason: "Refused", message: refusal };
  if (pods.length === 0) {
    return { type, status: "Unknown", reason: "NoReport", message: "no pod has said yet which configuration it runs" };
  }
  const applied = pods.filter(({ config }) => config.hash === hash).length;
  const message = `${applied} of ${pods.length} pods run the newest configuration`;
  if (applied < pods.length) return { type, status: "False", reason: "Spreading", message };
  return { type, status: "True", reason: "Applied", message };
}

/** Why pods do not take the newest configuration; undefined while none has refused it. */
export function configRefusal(observed: Observed, hash: string): string | undefined {
  const pods = reportingPods(observed);
  const refused = pods.filter(({ config }) => config.refused?.hash === hash);
  const [first] = refused;
  if (first === undefined) return undefined;
  const problems = (first.config.refused?.problems ?? []).map(inSpec).join("; ");
  return `${refused.length} of ${pods.length} pods refuse the newest configuration and keep the one before: ${problems}; correct the spec, because no pod can start with it (${first.pod.name})`;
}

/** Keys of the gateway's file as those of the spec that they were written from. */
function inSpec(problem: string): string {
  return problem
    .replace(/^channels\.namespaces\.(\d+)/, "spec.namespaces[$1]")
    .replace(/^channels\.unprefixed/, "spec.unprefixed");
}
