import { callApi, eventually, startGateway } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import type { ClientStore, StoredPublish } from "../src/client-store.ts";
import { createClient } from "../src/create-client.ts";
import { QueueExpiredError } from "../src/errors.ts";

const WITHIN_MS = 20_000;

function storeOf(...publishes: readonly StoredPublish[]) {
  const kept = new Map(publishes.map((publish) => [publish.key, publish]));
  const store: ClientStore = {
    publishes: () => [...kept.values()],
    keep: (publish) => void kept.set(publish.key, publish),
    drop: (key) => void kept.delete(key),
    position: () => undefined,
    moveTo: () => undefined,
  };
  return { store, kept };
}

test("[PER1] what a page before left is published once, what is too old is given up and told, and both are forgotten", async () => {
  await using gateway = await startGateway({
    config: { channels: { unprefixed: { history: { size: 9, ttlSeconds: 60 } } } },
  });
  const publish = { channel: "c", bytes: 5, maxAgeMs: 60_000, queuedMs: Date.now() };
  const { store, kept } = storeOf(
    { ...publish, key: "old", data: "too old", queuedMs: 0 },
    { ...publish, key: "sent", data: "sent", firstSentMs: Date.now() },
    { ...publish, key: "new", data: "new" },
  );
  const errors: Error[] = [];
  const client = createClient({ endpoint: gateway.url, store });
  onTestFinished(() => client.disconnect());
  client.on("error", (error) => errors.push(error));
  client.connect();
  await client.publish("c", "newest");
  await eventually("nothing is kept", WITHIN_MS, () => kept.size === 0);
  expect(errors).toEqual([expect.any(QueueExpiredError)]);
  const answer = await callApi(gateway, "history", { channel: "c", limit: 9 });
  expect(answer).toMatchObject({ result: { publications: [{ data: "sent" }, { data: "new" }, { data: "newest" }] } });
});
