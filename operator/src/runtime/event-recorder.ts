import type { Clock } from "../clock.ts";
import type { KubeClient, KubeObject } from "../kube/kube-client.ts";
import { RESOURCES } from "../kube/resources.ts";
import { microTime } from "./lease.ts";

/** Identical events of one object within this time are one event with a count. */
const seriesMs = 10 * 60_000;
/** Events of one object per minute; what is beyond is dropped: events inform people, nothing depends on them. */
const perMinute = 30;
/** The API server refuses longer ones. */
const noteBytes = 1_024;

export interface EventNote {
  readonly type: "Normal" | "Warning";
  /** CamelCase, for machines. */
  readonly reason: string;
  /** What the operator was doing, CamelCase. */
  readonly action: string;
  readonly note: string;
}

interface Told {
  readonly name: string;
  count: number;
  readonly firstMs: number;
}

interface Event extends KubeObject {
  readonly [field: string]: unknown;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly instance: string;
  readonly onError?: (error: unknown) => void;
}

/** Writes events.k8s.io/v1 Events about objects. Never rejects and never holds up its caller. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #told = new Map<string, Told>();
  #minute = 0;
  readonly #inMinute = new Map<string, number>();
  #sequence = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  record(about: KubeObject, note: EventNote): void {
    const { clock, onError } = this.#options;
    const nowMs = clock.nowMs();
    const uid = about.metadata.uid ?? "";
    if (!this.#mayTell(uid, nowMs)) return;
    const key = [uid, note.type, note.reason, note.action, note.note].join("\n");
    const told = this.#told.get(key);
    const again = told !== undefined && nowMs - told.firstMs < seriesMs;
    const sent = again ? this.#repeat(about, told) : this.#create(about, note, key);
    sent.catch((error: unknown) => onError?.(error));
  }

  #mayTell(uid: string, nowMs: number): boolean {
    const minute = Math.floor(nowMs / 60_000);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#inMinute.clear();
      for (const [key, { firstMs }] of this.#told) if (nowMs - firstMs >= seriesMs) this.#told.delete(key);
    }
    const count = (this.#inMinute.get(uid) ?? 0) + 1;
    this.#inMinute.set(uid, count);
    return count <= perMinute;
  }

  async #create(about: KubeObject, note: EventNote, key: string): Promise<void> {
    const { client, clock, instance } = this.#options;
    const { name, namespace = "default", uid, resourceVersion } = about.metadata;
    const date = clock.date();
    this.#sequence += 1;
    const eventName = `${name.slice(0, 220)}.${date.getTime().toString(16)}.${this.#sequence.toString(16)}`;
    const told = { name: eventName, count: 1, firstMs: clock.nowMs() };
    this.#told.set(key, told);
    try {
      await client.create<Event>(RESOURCES.events, {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name: eventName, namespace },
        eventTime: microTime(date),
        reportingController: "belay.dev/operator",
        reportingInstance: instance.slice(0, 128),
        regarding: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion },
        ...note,
        note: cutToBytes(note.note, noteBytes),
      });
    } catch (error) {
      // What was never written cannot be repeated: the next time it is told anew.
      if (this.#told.get(key) === told) this.#told.delete(key);
      throw error;
    }
  }

  async #repeat(about: KubeObject, told: Told): Promise<void> {
    const { client, clock } = this.#options;
    told.count += 1;
    const namespace = about.metadata.namespace ?? "default";
    await client.patch(
      { resource: RESOURCES.events, name: told.name, namespace },
      { type: "merge", body: { series: { count: told.count, lastObservedTime: microTime(clock.date()) } } },
    );
  }
}

/** The beginning of a text that fits, without half a character at its end. Pure. */
function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text, "utf8");
  return bytes.length <= limit ? text : new TextDecoder().decode(bytes.subarray(0, limit), { stream: true });
}
