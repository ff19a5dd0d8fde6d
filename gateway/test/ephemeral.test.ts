import { callApi, eventually, startGateway, startRedis, TestClient } from "@belay/testkit";
import { expect, test } from "vitest";

const typing = { name: "typing", ephemeral: true, allow: { subscribe: "anonymous", publish: "anonymous" } } as const;
const chat = {
  name: "chat",
  allow: { subscribe: "anonymous", publish: "anonymous" },
  history: { size: 100, ttlSeconds: 60 },
} as const;
const config = { channels: { namespaces: [typing, chat] } };

interface SeenPublication {
  readonly data: unknown;
  readonly offset?: number;
  readonly info?: unknown;
}

const publications = ({ received }: TestClient, channel: string): readonly SeenPublication[] =>
  received.flatMap(({ push }) => (push?.channel === channel && push.pub !== undefined ? [push.pub] : []));

test("[EPH1] [EPH3] typing goes to subscribers of every node without an offset, and Redis keeps nothing", async () => {
  await using redis = await startRedis();
  const shared = { redisUrl: redis.url, prefix: "eph:", config };
  await using one = await startGateway(shared);
  await using other = await startGateway(shared);
  await using ann = await TestClient.connect(one.url);
  await using bob = await TestClient.connect(other.url);
  for (const client of [ann, bob]) await client.call({ subscribe: { channel: "typing:lobby" } });
  expect((await ann.call({ publish: { channel: "typing:lobby", data: { typing: true } } })).error).toBeUndefined();
  for (const client of [ann, bob]) await client.waitForPayloads("typing:lobby", 1);
  const [seen] = publications(bob, "typing:lobby");
  expect(seen).toMatchObject({ data: { typing: true }, info: { client: ann.received[0]?.connect?.["client"] } });
  expect(seen).not.toHaveProperty("offset");
  const history = await callApi(one, "history", { channel: "typing:lobby", limit: 10 });
  expect(history).toMatchObject({ error: { code: 108 } });
});

test("[EPH1] [EPH5] the API's ephemeral publications are no holes in a channel that is recovered", async () => {
  await using gateway = await startGateway({ config });
  await using client = await TestClient.connect(gateway.url);
  const reply = await client.call({ subscribe: { channel: "chat:a", recoverable: true } });
  const { epoch } = reply["subscribe"] as { readonly epoch: string };
  await callApi(gateway, "publish", { channel: "chat:a", data: "first" });
  const answer = await callApi(gateway, "publish", { channel: "chat:a", data: "passing", ephemeral_key: "k" });
  expect(answer).toEqual({ result: { offset: 0, epoch: "" } });
  const all = await callApi(gateway, "broadcast", { channels: ["chat:a"], data: "again", ephemeral_key: "k" });
  expect(all).toEqual({ result: { responses: [{ result: { offset: 0, epoch: "" } }] } });
  await callApi(gateway, "publish", { channel: "chat:a", data: "second" });
  await client.waitForPayloads("chat:a", 4);
  expect(publications(client, "chat:a").map(({ data, offset }) => [data, offset])).toEqual([
    ["first", 1],
    ["passing", undefined],
    ["again", undefined],
    ["second", 2],
  ]);
  await using later = await TestClient.connect(gateway.url);
  const resume = { channel: "chat:a", recover: true, recoverable: true, offset: 0, epoch };
  expect((await later.call({ subscribe: resume }))["subscribe"]).toMatchObject({
    recovered: true,
    publications: [{ data: "first" }, { data: "second" }],
  });
  for (const field of [{ version: 3 }, { idempotency_key: "x" }]) {
    const refused = await callApi(gateway, "publish", { channel: "chat:a", data: 1, ephemeral_key: "k", ...field });
    expect(refused).toMatchObject({ error: { code: 107 } });
  }
});

test("[EPH2] a reader that stops reading is not closed for cursors, and ends with the newest of each key", async () => {
  await using gateway = await startGateway({ config: { ...config, limits: { maxOutboundBytes: 262_144 } } });
  await using reader = await TestClient.connect(gateway.url);
  await reader.call({ subscribe: { channel: "typing:room" } });
  reader.socket.pause();
  const pad = "x".repeat(20_000);
  const publishSome = (from: number): Promise<unknown> => {
    const channel = "typing:room";
    const calls = Array.from({ length: 50 }, (_, at) => ({ n: from + at, pad }))
      .map((data) => ({ channel, data, ephemeral_key: data.n % 2 === 0 ? "even" : "odd" }))
      .map((body) => callApi(gateway, "publish", body));
    return Promise.all(calls);
  };
  const isLeavingOut = async (): Promise<boolean> => {
    const metrics = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
    return /belay_gateway_ephemeral_left_out_total [1-9]/.test(metrics);
  };
  let total = 0;
  // The kernel takes some megabytes before the reader is slow.
  for (; !(await isLeavingOut()); total += 50) await publishSome(total);
  await publishSome(total);
  total += 50;
  reader.socket.resume();
  const numbers = (): readonly number[] => reader.payloads("typing:room").map((data) => (data as { n: number }).n);
  await eventually("both keys end", 10_000, () => {
    const seen = numbers();
    return [0, 1].every((rest) => Math.max(...seen.filter((n) => n % 2 === rest)) >= total - 50);
  });
  expect(numbers().length).toBeLessThan(total);
  expect((await reader.call({ ping: {} })).error).toBeUndefined();
});
