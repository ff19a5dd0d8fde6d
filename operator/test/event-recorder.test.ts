import { EventRecorder, type KubeObject, RESOURCES } from "@belay/operator/internal";
import { FakeClock, MemoryKube, settle } from "@belay/testkit";
import { expect, test } from "vitest";

interface Event extends KubeObject {
  readonly note: string;
  readonly series?: { readonly count: number };
}

const about: KubeObject = {
  apiVersion: "belay.dev/v1alpha1",
  kind: "RealtimeCluster",
  metadata: { name: "n".repeat(253), namespace: "ns", uid: "u" },
};
const note = { type: "Normal", reason: "Tried", action: "Test", note: "said" } as const;

function make() {
  const [kube, clock] = [new MemoryKube(), new FakeClock()];
  const errors: unknown[] = [];
  const recorder = new EventRecorder({
    client: kube,
    clock,
    instance: "i",
    onError: (error) => errors.push(error),
  });
  const events = async (): Promise<readonly Event[]> =>
    (await kube.list<Event>(RESOURCES.events, { namespace: "ns" })).items;
  return { kube, clock, recorder, errors, events };
}

test("[EV1] many repetitions while the first is on its way are one event, and two writes", async () => {
  const { kube, recorder, events } = make();
  for (let n = 0; n < 20; n++) recorder.record(about, note);
  await settle();
  expect((await events()).map(({ series, metadata }) => [series?.count, metadata.name.length <= 253])).toEqual([
    [20, true],
  ]);
  expect(kube.calls).toEqual(["create events", "patch events", "list events"]);
});

test("[EV1] one object has at most 30 a minute; another is not held up by it; the next minute is new", async () => {
  const { clock, recorder, events } = make();
  const other = { ...about, metadata: { ...about.metadata, name: "other", uid: "other" } };
  for (let n = 0; n < 100; n++) recorder.record(about, { ...note, note: `said ${n}` });
  recorder.record(other, note);
  await settle();
  expect((await events()).length).toBe(31);
  await clock.advance(60_000);
  recorder.record(about, { ...note, note: "said 99" });
  await settle();
  expect((await events()).length).toBe(32);
});

test("[EV1] what could not be written is told, costs nobody anything, and is written anew the next time", async () => {
  const { kube, clock, recorder, errors, events } = make();
  kube.fault = () => new TypeError("fetch failed");
  recorder.record(about, note);
  await settle();
  expect(errors).toHaveLength(1);
  kube.fault = () => undefined;
  recorder.record(about, note);
  await settle();
  expect((await events()).length).toBe(1);
  // After ten minutes it is a new one.
  await clock.advance(10 * 60_000);
  recorder.record(about, note);
  await settle();
  expect((await events()).length).toBe(2);
});
