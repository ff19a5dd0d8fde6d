import { expect, test } from "vitest";
import { watchNetwork } from "./network-watch.ts";

class Page extends EventTarget {
  visibilityState = "visible";
}

test("[SDK17] the page's and the network's events are heard until the watch ends", () => {
  const document = new Page();
  const scope = Object.assign(new EventTarget(), { document });
  const heard: string[] = [];
  const end = watchNetwork(scope, {
    onOnline: () => heard.push("online"),
    onOffline: () => heard.push("offline"),
    onWake: () => heard.push("wake"),
  });
  scope.dispatchEvent(new Event("online"));
  scope.dispatchEvent(new Event("offline"));
  document.dispatchEvent(new Event("visibilitychange"));
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  expect(heard).toEqual(["online", "offline", "wake"]);
  end();
  scope.dispatchEvent(new Event("online"));
  expect(heard).toHaveLength(3);
});

const nothing = () => undefined;

test("[SDK17] where there are no such events nothing is listened to", () => {
  expect(() => watchNetwork({}, { onOnline: nothing, onOffline: nothing, onWake: nothing })()).not.toThrow();
});
