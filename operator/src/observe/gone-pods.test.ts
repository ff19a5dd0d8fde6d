import { CLUSTER_LABEL, COMPONENT_LABEL } from "@belay/protocol/control";
import { FakeClock } from "@belay/testkit";
import { expect, test } from "vitest";
import { GonePods } from "./gone-pods.ts";
import type { PodObject } from "./objects.ts";

function podObject(uid: string, phase = "Running", component = "gateway"): PodObject {
  const labels = { [CLUSTER_LABEL]: "chat", [COMPONENT_LABEL]: component };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: uid, namespace: "shop", uid, labels },
    status: { phase },
  };
}

test("[GP1] a gateway pod is gone when it is deleted or has ended, once, for as long as its lease might last", async () => {
  const clock = new FakeClock();
  const gone = new GonePods(clock);
  gone.see(undefined, podObject("starts"));
  gone.see(podObject("stays"), podObject("stays"));
  gone.see(podObject("deleted"), undefined);
  gone.see(podObject("evicted"), podObject("evicted", "Failed"));
  gone.see(podObject("redis", "Running", "redis"), undefined);
  gone.see(undefined, podObject("ended before", "Failed"));
  expect(gone.of("shop/chat")).toEqual(["deleted", "evicted"]);
  expect(gone.of("shop/other")).toEqual([]);
  gone.forget(["deleted", "evicted"]);
  gone.see(podObject("evicted", "Failed"), undefined);
  expect(gone.of("shop/chat")).toEqual([]);
  gone.see(podObject("later"), undefined);
  await clock.advance(16_000);
  expect(gone.of("shop/chat")).toEqual([]);
});
