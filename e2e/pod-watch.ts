import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Seen } from "./kube-objects.ts";

/** What a watch saw of one pod. */
export interface PodStory {
  readonly name: string;
  readonly revision: string;
  /** First sight of the drain gate closed, wall-clock ms. */
  gatedAtMs?: number;
  notReadyAtMs?: number;
  deletedAtMs?: number;
}

/** Follows the pods of a namespace from outside the operator, so that a scenario judges by what really happened. */
export class PodWatch implements AsyncDisposable {
  readonly stories: Map<string, PodStory> = new Map();
  readonly #child: ChildProcess;
  readonly #onDelete: (pod: Seen) => void;

  constructor(namespace: string, onDelete: (pod: Seen) => void = () => undefined) {
    this.#onDelete = onDelete;
    const args = [
      "-n",
      namespace,
      "get",
      "pods",
      "-l",
      "belay.dev/component=gateway",
      "--watch",
      "--output-watch-events",
      "-o",
      "json",
    ];
    this.#child = spawn("kubectl", args, { stdio: ["ignore", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error("kubectl without stdout");
    // One event per line.
    createInterface(this.#child.stdout).on("line", (line) => {
      this.#see((JSON.parse(line) as { object: Seen }).object);
    });
  }

  #see(pod: Seen): void {
    const { uid, name, labels, deletionTimestamp } = pod.metadata;
    const story = this.stories.get(uid) ?? { name, revision: labels?.["belay.dev/revision"] ?? "" };
    this.stories.set(uid, story);
    const now = Date.now();
    if (labels?.["belay.dev/traffic"] === "off") story.gatedAtMs ??= now;
    if (isNotReady(pod)) story.notReadyAtMs = now;
    if (deletionTimestamp !== undefined && story.deletedAtMs === undefined) {
      story.deletedAtMs = now;
      this.#onDelete(pod);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    return Promise.resolve();
  }
}

function isNotReady(pod: Seen): boolean {
  const conditions = (pod.status?.["conditions"] ?? []) as readonly { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === "Ready" && status === "False");
}
