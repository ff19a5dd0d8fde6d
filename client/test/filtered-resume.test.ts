import { callApi, eventually, startGateway, TcpProxy } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { createClient } from "../src/create-client.ts";

const WITHIN_MS = 20_000;
/** More than a server sends to one that comes back. */
const TOO_MANY = 310;
/** Longer than anything here takes on a slow machine. */
const RESUME_SECONDS = 60;
const config = {
  handover: { resumeSeconds: RESUME_SECONDS },
  channels: {
    namespaces: [
      {
        name: "kept",
        tagsFilter: true,
        allow: { subscribe: "anonymous", history: "anonymous" },
        history: { size: 1000, ttlSeconds: 600 },
      },
      { name: "unkept", tagsFilter: true, allow: { subscribe: "anonymous" } },
    ],
  },
} as const;

interface FilteredReader {
  /** What is published for everybody; who reads sees that of the kind `wanted`. */
  readonly publish: (kind: "wanted" | "other", ...data: readonly unknown[]) => Promise<void>;
  readonly shown: readonly unknown[];
  /** Whether each connection went on where the one before was. */
  readonly continued: readonly boolean[];
  /** The connection is lost, and there is none while `work` runs. */
  readonly without: (work: () => Promise<void>) => Promise<void>;
}

async function startReader(channel: string): Promise<FilteredReader> {
  const gateway = await startGateway({ config });
  onTestFinished(() => gateway[Symbol.asyncDispose]());
  const proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
  const continued: boolean[] = [];
  const shown: unknown[] = [];
  const client = createClient({
    endpoint: `ws://127.0.0.1:${proxy.port}`,
    backoff: { baseMs: 50, maxMs: 200 },
    trace: (event) => event.type === "established" && continued.push(event.isContinued),
  });
  onTestFinished(() => client.disconnect());
  const subscription = client.channel(channel, { tagsFilter: { key: "kind", cmp: "eq", val: "wanted" } });
  subscription.on("publication", ({ data }) => shown.push(data));
  subscription.on("reset", ({ reason, from, to }) => shown.push({ reason, from: from?.offset, to: to?.offset }));
  subscription.subscribe();
  client.connect();
  await subscription.ready();
  return {
    shown,
    continued,
    publish: async (kind, ...data) => {
      for (const each of data) await callApi(gateway, "publish", { channel, data: each, tags: { kind } });
    },
    without: async (work) => {
      proxy.cut();
      await eventually("the loss is seen", WITHIN_MS, () => client.state.name === "reconnecting");
      await work();
      proxy.mend();
      await eventually("it is back", WITHIN_MS, () => client.state.name === "connected");
    },
  };
}

test("[SDK25] a resume through a tags filter shows what was missed of what the filter lets through, once and in order", async () => {
  const { publish, shown, continued, without } = await startReader("kept:news");
  await publish("wanted", 1);
  await publish("other", "unseen");
  await eventually("the first is shown", WITHIN_MS, () => shown.length === 1);
  await without(async () => {
    await publish("other", "unseen");
    await publish("wanted", 2, 3);
    await publish("other", "unseen");
  });
  await publish("other", "unseen");
  await publish("wanted", 4);
  await eventually("the last is shown", WITHIN_MS, () => shown.includes(4));
  // Nothing but what the filter keeps back was missed.
  await without(() => publish("other", "unseen"));
  await publish("wanted", 5);
  await eventually("the very last is shown", WITHIN_MS, () => shown.includes(5));
  expect(shown).toEqual([1, 2, 3, 4, 5]);
  expect(continued).toEqual([false, true, true]);
});

test("[SDK24] a resume through a tags filter tells of what the server does not deliver any more: too much, or never kept", async () => {
  const kept = await startReader("kept:news");
  await kept.publish("wanted", "first");
  await eventually("the first is shown", WITHIN_MS, () => kept.shown.length === 1);
  await kept.without(() => kept.publish("other", ...Array.from({ length: TOO_MANY }, (_, number) => number)));
  await kept.publish("wanted", "last");
  await eventually("the last is shown", WITHIN_MS, () => kept.shown.includes("last"));
  expect(kept.shown).toEqual(["first", { reason: "gap", from: 1, to: TOO_MANY + 1 }, "last"]);
  expect(kept.continued).toEqual([false, true]);

  const unkept = await startReader("unkept:news");
  await unkept.publish("wanted", "first");
  await eventually("the first is shown", WITHIN_MS, () => unkept.shown.length === 1);
  await unkept.without(() => unkept.publish("wanted", "missed"));
  await unkept.publish("wanted", "last");
  await eventually("the last is shown", WITHIN_MS, () => unkept.shown.includes("last"));
  expect(unkept.shown).toEqual(["first", { reason: "gap", from: 1, to: 2 }, "last"]);
  expect(unkept.continued).toEqual([false, true]);
});
