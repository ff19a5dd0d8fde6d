import { expect, test } from "vitest";
import { load, observed, pod, revision } from "../../test/simulation/build.ts";
import { plan } from "./plan.ts";
import type { ObservedPod } from "./observed.ts";
import { sweepActions } from "./sweep.ts";

const able = pod("b", { load: load(1) });

test.each<[string, readonly ObservedPod[], string | undefined]>([
  ["the first that reaches Redis", [pod("c", { load: load(1) }), able, pod("a", { load: undefined })], "b"],
  ["not one that is cut off", [pod("a", { load: { ...load(1), brokerConnected: false } }), able], "b"],
  ["not one that ends", [pod("a", { load: load(1), terminating: true }), able], "b"],
  ["nobody there", [pod("a", { load: undefined })], undefined],
])("[GP2] who is asked to sweep: %s", (_title, pods, name) => {
  const [action] = sweepActions(observed([revision("now", pods)], { gonePods: ["x", "y"] }));
  expect(action).toEqual(
    name === undefined ? undefined : { type: "sweep", pod: { name, uid: name, ip: "198.18.0.1" }, podUids: ["x", "y"] },
  );
});

test("[GP2] nobody is asked where no pod is gone; a request has at most 100 pods, and the next pass comes soon", () => {
  expect(sweepActions(observed([revision("now", [able])]))).toEqual([]);
  const gonePods = Array.from({ length: 150 }, (_, index) => `gone-${index}`);
  const seen = observed([revision("now", [able])], { gonePods });
  const installation = { gatewayImage: "gateway:1", redisImage: "redis:1", operatorNamespace: "belay-system" };
  const { actions, requeueAfterMs } = plan(seen, installation, { ms: 0, text: "1970-01-01T00:00:00Z" });
  const asked = actions.flatMap((action) => (action.type === "sweep" ? [action.podUids.length] : []));
  expect(asked).toEqual([100]);
  expect(requeueAfterMs).toBeLessThanOrEqual(500);
});
