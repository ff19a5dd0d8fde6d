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
  readonly about: KubeObject;
  readonly note: EventNote;
  readonly name: string;
  readonly firstMs: number;
  /** How often it was said, and how often it was when it was last written. */
  count: number;
  written: number;
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
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    const uid = about.metadata.uid ?? "";
    if (!this.#mayTell(uid, nowMs)) return;
    const key = [uid, note.type, note.reason, note.action, note.note].join("\n");
    const before = this.#told.get(key);
    if (before !== undefined && nowMs - before.firstMs < seriesMs) {
      before.count += 1;
      // Whoever is writing it now will see the new count.
      if (before.count - before.written === 1) void this.#write(key, before);
      return;
    }
    this.#sequence += 1;
    const suffix = `${clock.date().getTime().toString(16)}.${this.#sequence.toString(16)}`;
    const told = {
      about,
      note,
      name: `${about.metadata.name.slice(0, 220)}.${suffix}`,
      firstMs: nowMs,
      count: 1,
      written: 0,
    };
    this.#told.set(key, told);
    void this.#write(key, told);
  }

  /** One write of an event at a time: of two counts on their way the smaller could arrive last. */
  async #write(key: string, told: Told): Promise<void> {
    try {
      while (told.written < told.count) {
        const { count } = told;
        await (told.written === 0 ? this.#create(told) : this.#repeat(told, count));
        told.written = told.written === 0 ? 1 : count;
      }
    } catch (error) {
      // What was not written cannot be repeated: the next time it is told anew.
      if (this.#told.get(key) === told) this.#told.delete(key);
      this.#options.onError?.(error);
    }
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

  async #create({ about, note, name: eventName }: Told): Promise<void> {
    const { client, clock, instance } = this.#options;
    const { name, namespace = "default", uid, resourceVersion } = about.metadata;
    await client.create<Event>(RESOURCES.events, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: eventName, namespace },
      eventTime: microTime(clock.date()),
      reportingController: "belay.dev/operator",
      reportingInstance: instance.slice(0, 128),
      regarding: { apiVersion: about.apiVersion, kind: about.kind, name, namespace, uid, resourceVersion },
      ...note,
      note: cutToBytes(note.note, noteBytes),
    });
  }

  async #repeat({ about, name }: Told, count: number): Promise<void> {
    const { client, clock } = this.#options;
    const namespace = about.metadata.namespace ?? "default";
    await client.patch(
      { resource: RESOURCES.events, name, namespace },
      { type: "merge", body: { series: { count, lastObservedTime: microTime(clock.date()) } } },
    );
  }
}

/** The beginning of a text that fits, without half a character at its end. Pure. */
function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text, "utf8");
  return bytes.length <= limit ? text : new TextDecoder().decode(bytes.subarray(0, limit), { stream: true });
}
