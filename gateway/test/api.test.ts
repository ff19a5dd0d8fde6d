import type { ApiConfig, NamespaceConfig } from "@belay/protocol/control";
import { callApi, eventually, type RunningGateway, startGateway, startRedis, TestClient } from "@belay/testkit";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const namespaces: readonly NamespaceConfig[] = [
  {
    name: "log",
    history: { size: 10, ttlSeconds: 60 },
    presence: true,
    allow: { subscribe: "anonymous", presence: "anonymous", history: "anonymous" },
  },
];

let one: RunningGateway;
let other: RunningGateway;
let redis: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  redis = await startRedis();
  const options = { redisUrl: redis.url, prefix: "api:", config: { channels: { namespaces } } };
  [one, other] = await Promise.all([
    startGateway({ ...options, podUid: "one" }),
    startGateway({ ...options, podUid: "other" }),
  ]);
});
afterAll(async () => {
  await Promise.all([one[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
  await redis[Symbol.asyncDispose]();
});

async function post(path: string, text: string, key = one.apiKey): Promise<{ status: number; body: string }> {
  const response = await fetch(`${one.httpUrl}${path}`, { method: "POST", headers: { "X-API-Key": key }, body: text });
  return { status: response.status, body: await response.text() };
}

describe("publish", () => {
  test("[API10] an idempotency key makes one publication, answered alike on every node", async () => {
    const request = { channel: "log:idem", data: 1, idempotency_key: "k" };
    const first = await callApi(one, "publish", request);
    expect(await callApi(other, "publish", request)).toEqual(first);
    expect(await callApi(one, "history", { channel: "log:idem", limit: -1 })).toMatchObject({
      result: { offset: 1, publications: [{ data: 1 }] },
    });
  });

  test("[API10] an outdated version is not published", async () => {
    const publish = (version: number): Promise<unknown> =>
      callApi(one, "publish", { channel: "log:ver", data: version, version });
    for (const version of [3, 2, 3, 5]) await publish(version);
    expect(await callApi(one, "history", { channel: "log:ver", limit: -1 })).toMatchObject({
      result: { publications: [{ data: 3 }, { data: 5 }] },
    });
  });

  test("[API10] skip_history delivers and does not keep", async () => {
    await using client = await TestClient.connect(other.url);
    await client.call({ subscribe: { channel: "log:skip" } });
    await callApi(one, "publish", { channel: "log:skip", data: "seen", skip_history: true });
    expect(await client.waitForPayloads("log:skip", 1)).toEqual(["seen"]);
    expect(await callApi(one, "history", { channel: "log:skip", limit: -1 })).toMatchObject({
      result: { publications: [] },
    });
  });

  test("[API4] [PAY1] data passes byte for byte, in publish, broadcast and batch, into history too", async () => {
    const data = '{"n":1.0e2,"big":123456789012345678901,"a":1,"a":2}';
    await post("/api/publish", `{"channel":"log:raw","data": ${data} }`);
    await post("/api/broadcast", `{"channels":["log:raw"],"data":${data}}`);
    await post("/api/batch", `{"commands":[{"publish":{"channel":"log:raw","data":${data}}}]}`);
    await post("/api", `{"method":"publish","params":{"channel":"log:raw","data":${data}}}`);
    const { body } = await post("/api/history", '{"channel":"log:raw","limit":-1}');
    expect(body.split(`"data":${data}`)).toHaveLength(5);
  });

  test("[API2] tags and time reach subscribers and the history", async () => {
    await callApi(one, "publish", { channel: "log:tags", data: 1, tags: { kind: "goal" } });
    expect(await callApi(one, "history", { channel: "log:tags", limit: 1, reverse: true })).toMatchObject({
      result: { publications: [{ data: 1, tags: { kind: "goal" } }] },
    });
  });

  test("[API8] a channel that no namespace serves gets 102, a payload that is no JSON 107", async () => {
    expect(await callApi(one, "publish", { channel: "nowhere:1", data: 1 })).toMatchObject({ error: { code: 102 } });
    const b64data = Buffer.from([0xff]).toString("base64");
    expect(await callApi(one, "publish", { channel: "log:1", b64data })).toMatchObject({ error: { code: 107 } });
  });
});

describe("connections of a user", () => {
  test("[API2] subscribe, unsubscribe and refresh act on the node that holds the client", async () => {
    await using client = await TestClient.connect(other.url);
    await callApi(one, "subscribe", { user: "", channel: "log:api", data: { hello: 1 } });
    const push = await client.waitFor("subscribe push", (message) => message.push?.channel === "log:api");
    expect(push).toMatchObject({ push: { subscribe: { recoverable: true, positioned: true, data: { hello: 1 } } } });
    await callApi(one, "publish", { channel: "log:api", data: "for all" });
    expect(await client.waitForPayloads("log:api", 1)).toEqual(["for all"]);
    await callApi(one, "unsubscribe", { user: "", channel: "log:api" });
    await client.waitFor("unsubscribe push", ({ push: got }) => "unsubscribe" in (got ?? {}));
    await callApi(one, "refresh", { user: "", expired: true });
    expect((await client.closed).code).toBe(3005);
  });

  test("[API13] what a subscribe by the server recovers follows its push as publications", async () => {
    await using client = await TestClient.connect(other.url);
    for (const data of [1, 2, 3]) await callApi(one, "publish", { channel: "log:since", data });
    const { result } = (await callApi(one, "history", { channel: "log:since" })) as { result: { epoch: string } };
    const since = { offset: 1, epoch: result.epoch };
    await callApi(one, "subscribe", { user: "", channel: "log:since", recover_since: since });
    expect(await client.waitForPayloads("log:since", 2)).toEqual([2, 3]);
    await callApi(one, "publish", { channel: "log:since", data: 4 });
    expect(await client.waitForPayloads("log:since", 3)).toEqual([2, 3, 4]);
    const [first] = client.received.filter(({ push }) => push?.channel === "log:since");
    expect(first).toMatchObject({ push: { subscribe: { recovered: true, was_recovering: true } } });
    expect(first).not.toHaveProperty("push.subscribe.publications");
  });

  test("[API5] disconnect spares the whitelist", async () => {
    const clients = await Promise.all([TestClient.open(one.url), TestClient.open(other.url)]);
    const ids = await Promise.all(
      clients.map(async (client) => (await client.call({ connect: {} })).connect?.["client"]),
    );
    await callApi(one, "disconnect", { user: "", whitelist: [ids[1]] });
    expect((await clients[0]?.closed)?.code).toBe(3503);
    expect(await clients[1]?.call({ ping: {} })).toMatchObject({ ping: {} });
    await clients[1]?.[Symbol.asyncDispose]();
  });
});

test("[API2] channels and info add up all nodes", async () => {
  await using here = await TestClient.connect(one.url);
  await using there = await TestClient.connect(other.url);
  for (const client of [here, there]) await client.call({ subscribe: { channel: "log:sum" } });
  await eventually("both nodes' subscribers are counted", 5000, async () => {
    const { result } = (await callApi(one, "channels", { pattern: "log:su*" })) as { result: { channels: object } };
    return JSON.stringify(result.channels) === '{"log:sum":{"num_clients":2}}';
  });
  const { result } = (await callApi(one, "info", {})) as { result: { nodes: { uid: string; num_subs: number }[] } };
  expect(result.nodes.map(({ uid, num_subs: subscriptions }) => [uid, subscriptions])).toEqual([
    ["one", 1],
    ["other", 1],
  ]);
});

test("[API2] presence is listed with counts, error 108 where the channel has none", async () => {
  await using client = await TestClient.connect(other.url);
  await client.call({ subscribe: { channel: "log:here" } });
  expect(await callApi(one, "presence_stats", { channel: "log:here" })).toEqual({
    result: { num_clients: 1, num_users: 1 },
  });
  const { result } = (await callApi(one, "presence", { channel: "log:here" })) as { result: { presence: object } };
  expect(Object.values(result.presence)).toEqual([{ user: "", client: expect.any(String) as string }]);
  expect(await callApi(one, "presence", { channel: "open" })).toMatchObject({ error: { code: 108 } });
});

test("[API9] a batch answers each command in its place, a bad one with its own error", async () => {
  const commands = [
    { publish: { channel: "log:batch", data: 1 } },
    { dance: {} },
    { publish: { channel: 5 } },
    { history: { channel: "log:batch", limit: -1 } },
    {},
    { info: {}, channels: {} },
  ];
  expect(await callApi(one, "batch", { commands })).toMatchObject({
    replies: [
      { publish: { offset: 1 } },
      { error: { code: 104 } },
      { error: { code: 107 } },
      { history: { publications: [{ data: 1 }] } },
      { error: { code: 107 } },
      { error: { code: 107 } },
    ],
  });
  const parallel = (await callApi(one, "batch", {
    parallel: true,
    commands: Array.from({ length: 100 }, (_, n) => ({ publish: { channel: "log:par", data: n } })),
  })) as { replies: { publish: { offset: number } }[] };
  expect(new Set(parallel.replies.map(({ publish }) => publish.offset)).size).toBe(100);
  expect(await callApi(one, "batch", { commands: 1 })).toMatchObject({ error: { code: 107 } });
});

test("[API7] [API12] a second key opens what it is for, and a changed one acts without a restart", async () => {
  const folder = await mkdtemp(join(tmpdir(), "belay-keys-"));
  const keyFile = join(folder, "news");
  await writeFile(keyFile, "first");
  const api: ApiConfig = { keys: [{ name: "news", keyFile, methods: ["publish"], channels: ["news*"] }] };
  await using gateway = await startGateway({ config: { api } });
  const publish = async (channel: string, key: string): Promise<string> => {
    const body = JSON.stringify({ channel, data: 1 });
    const response = await fetch(`${gateway.httpUrl}/api/publish`, {
      method: "POST",
      headers: { "X-API-Key": key },
      body,
    });
    return response.status === 200 ? Object.keys((await response.json()) as object).join(",") : String(response.status);
  };
  expect(await publish("news1", "first")).toBe("result");
  expect(await publish("chat", "first")).toBe("error");
  expect(await publish("chat", gateway.apiKey)).toBe("result");
  await writeFile(keyFile, "second");
  await eventually("the new key opens", 5000, async () => (await publish("news1", "second")) === "result");
  expect(await publish("news1", "first")).toBe("401");
});

test("[API2] the description is OpenAPI 3.1 and names every method", async () => {
  const description = (await (await fetch(`${one.httpUrl}/api/openapi.json`)).json()) as { paths: object };
  expect(await new Validator().validate(description)).toMatchObject({ valid: true });
  expect(Object.keys(description.paths)).toHaveLength(17);
});

test.each([
  ["/api/publish", '{"channel":"log:1","data":1,"tags":{"a":1}}', "tags.a must be a string, was: 1"],
  ["/api/history", '{"channel":"log:1","limit":1.5}', "limit must be an integer from -1"],
  ["/api/history", '{"channel":"log:1","since":5}', "since must be an object"],
  ["/api/revoke", "{}", "request must have user or token_id"],
  ["/api/block", '{"user":""}', "user must not be empty"],
  ["/api/subscribe", '{"user":"u","channel":"\\u0000"}', "channel must be a channel name"],
  ["/api/publish", '{"channel":"log:1","b64data":"*"}', "b64data must be base64"],
])("[API3] %s %s is refused by name, rule and value", async (path, body, problem) => {
  const answer = await post(path, body);
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({
    error: { code: 107, message: expect.stringContaining(problem) as string },
  });
});
