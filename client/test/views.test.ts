import { expect, onTestFinished, test } from "vitest";
import { channelView } from "../src/channel-view.ts";
import { networkTransportMemory } from "../src/network-transport-memory.ts";
import { presenceView } from "../src/presence-view.ts";
import type { TraceEvent } from "../src/trace.ts";
import { ClientSubject, UNKEPT } from "./client-subject.ts";
import { settle } from "./fake-time.ts";

test("[VIW3] of a channel that began anew nothing from before is shown", async () => {
  const subject = new ClientSubject();
  const view = channelView(subject.client, UNKEPT);
  onTestFinished(view.listen(() => undefined));
  subject.client.connect();
  await subject.flow();
  subject.server.publish("before");
  await subject.flow();
  expect(view.snapshot.publications).toHaveLength(1);
  subject.network.isDown = true;
  subject.network.sockets[0]?.cut();
  await subject.goOn(60);
  Object.assign(subject.channels.get(UNKEPT) ?? {}, { epoch: "another" });
  subject.network.isDown = false;
  await subject.goOn(60);
  expect(view.snapshot).toMatchObject({ publications: [], reset: { reason: "epoch" } });
});

test("[VIW4] who is there is asked for again after a move", async () => {
  let asked = 0;
  const trace = (event: TraceEvent): void => {
    if (event.type !== "frame" || event.direction !== "out") return;
    asked += (event.frame as unknown as { readonly kind: string }[]).filter(({ kind }) => kind === "presence").length;
  };
  const subject = new ClientSubject({ trace });
  onTestFinished(presenceView(subject.client, UNKEPT).listen(() => undefined));
  subject.client.connect();
  await subject.flow();
  await settle();
  await subject.flow();
  expect(asked).toBe(1);
  subject.server.goaway(0, 10_000);
  await subject.goOn(30);
  expect(asked).toBe(2);
});

function forbidden(): never {
  throw new DOMException("forbidden", "SecurityError");
}

test("[SDK18] a page that may not touch its storage remembers nothing, and goes on", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "localStorage");
  onTestFinished(() => void Object.defineProperty(globalThis, "localStorage", before ?? { value: undefined }));
  Object.defineProperty(globalThis, "localStorage", { configurable: true, get: forbidden });
  const memory = networkTransportMemory();
  expect(memory.load()).toBeUndefined();
  expect(() => memory.save("websocket")).not.toThrow();
});
