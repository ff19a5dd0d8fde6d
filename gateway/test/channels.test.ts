import { callApi, type RunningGateway, startGateway, TestClient } from "@belay/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway({ config: { limits: { maxChannelsPerConnection: 3 } } });
});
afterAll(() => gateway[Symbol.asyncDispose]());

test("[SUB1] a subscriber gets what is published after its reply", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "sub1" } });
  expect(await callApi(gateway, "publish", { channel: "sub1", data: { n: 1 } })).toMatchObject({
    result: { offset: 1 },
  });
  const { push } = await client.waitFor("push", (message) => message.push !== undefined);
  expect(push).toEqual({ channel: "sub1", pub: { data: { n: 1 } } });
});

test("[SUB4] without a history the reply announces neither positions nor recovery, and recovery fails openly", async () => {
  await using client = await TestClient.connect(gateway.url);
  const command = {
    subscribe: { channel: "sub4", recoverable: true, positioned: true, recover: true, offset: 1, epoch: "x", flag: 1 },
  };
  expect(await client.call(command)).toEqual({ id: 2, subscribe: { recovered: false, was_recovering: true } });
});

test("[SUB2] a second subscribe gets error 105", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "sub2" } });
  expect((await client.call({ subscribe: { channel: "sub2" } })).error?.code).toBe(105);
});

test("[SUB2] so does one while the first is under way", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.send('{"id":2,"subscribe":{"channel":"sub2b"}}\n{"id":3,"subscribe":{"channel":"sub2b"}}');
  expect((await client.waitFor("second", ({ id }) => id === 3)).error?.code).toBe(105);
  expect((await client.waitFor("first", ({ id }) => id === 2)).error).toBeUndefined();
});

test("[LIM5] one channel more than allowed gets error 106", async () => {
  await using client = await TestClient.connect(gateway.url);
  for (const channel of ["a", "b", "c"]) expect((await client.call({ subscribe: { channel } })).error).toBeUndefined();
  expect((await client.call({ subscribe: { channel: "d" } })).error).toEqual({ code: 106, message: "limit exceeded" });
  await client.call({ unsubscribe: { channel: "a" } });
  expect((await client.call({ subscribe: { channel: "d" } })).error).toBeUndefined();
});

test("[UNS1] after the reply to unsubscribe no push of the channel comes", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "uns1" } });
  const publishing = Array.from({ length: 200 }, (_, n) => callApi(gateway, "publish", { channel: "uns1", data: n }));
  await client.waitForPayloads("uns1", 10);
  const reply = await client.call({ unsubscribe: { channel: "uns1" } });
  await Promise.all(publishing);
  await client.call({ ping: {} });
  const at = client.received.indexOf(reply);
  expect(client.received.slice(at + 1).filter(({ push }) => push !== undefined)).toEqual([]);
});

test("[UNS1] a channel without subscription may be unsubscribed", async () => {
  await using client = await TestClient.connect(gateway.url);
  expect(await client.call({ unsubscribe: { channel: "never" } })).toEqual({ id: 2, unsubscribe: {} });
});

test("[UNS2] commands for one channel act in the order they were sent, also while a subscribe is under way", async () => {
  await using client = await TestClient.connect(gateway.url);
  const commands = [
    { id: 2, subscribe: { channel: "uns2" } },
    { id: 3, publish: { channel: "uns2", data: "heard" } },
    { id: 4, unsubscribe: { channel: "uns2" } },
    { id: 5, publish: { channel: "uns2", data: "missed" } },
    { id: 6, subscribe: { channel: "uns2" } },
  ];
  client.send(commands.map((command) => JSON.stringify(command)).join("\n"));
  await client.waitFor("last reply", ({ id }) => id === 6);
  await client.waitFor("publish", ({ id }) => id === 5);
  expect(client.received.every(({ error }) => error === undefined)).toBe(true);
  expect(client.payloads("uns2")).toEqual(["heard"]);
});

test("[PUB1] any client may publish; [PUB2] subscribers see who did, the publisher too", async () => {
  await using publisher = await TestClient.connect(gateway.url);
  await using listener = await TestClient.connect(gateway.url);
  await publisher.call({ subscribe: { channel: "pub" } });
  await listener.call({ subscribe: { channel: "pub" } });
  expect(await publisher.call({ publish: { channel: "pub", data: { text: "hi" } } })).toEqual({ id: 3, publish: {} });
  for (const client of [publisher, listener]) {
    const { push } = await client.waitFor("push", (message) => message.push !== undefined);
    expect(push?.pub).toEqual({
      data: { text: "hi" },
      info: { user: "", client: publisher.received[0]?.connect?.["client"] },
    });
  }
});

test.each([
  "123456789012345678901234567890.000",
  '{"b":1,"a":2,"b":3}',
  '"\\u00e9\\/\\ud83d\\ude00 é😀"',
  "[ 1 ,\t2 , [] , {} ]",
  "1E400",
  "null",
  '{"data":{"data":"}\\"]"}}',
])("[PAY1] the payload %s arrives byte for byte", async (payload) => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "pay1" } });
  client.send(`{"id":7,"publish":{"channel":"pay1","data":${payload}}}`);
  await client.waitForPayloads("pay1", 1);
  expect(client.frames.join("\n")).toContain(`"pub":{"data":${payload},"info":`);
});

test("[PAY2] [API4] newlines between tokens are stripped, escaped ones inside strings stay", async () => {
  await using client = await TestClient.connect(gateway.url);
  await client.call({ subscribe: { channel: "pay2" } });
  await fetch(`${gateway.httpUrl}/api/publish`, {
    method: "POST",
    headers: { "X-API-Key": gateway.apiKey },
    body: '{\n "channel": "pay2",\r\n "data": {\n  "n": 12345678901234567890,\r\n  "s": "a\\nb"\n }\n}\n',
  });
  await client.waitForPayloads("pay2", 1);
  expect(client.frames.at(-1)).toBe(
    '{"push":{"channel":"pay2","pub":{"data":{  "n": 12345678901234567890,  "s": "a\\nb" }}}}',
  );
});

test.each([
  ["an empty name", ""],
  ["256 bytes", "é".repeat(128)],
  ["a control character", "a\tb"],
  ["a lone surrogate", "\ud800"],
])("[LIM2] %s as channel gets error 107", async (_title, channel) => {
  await using client = await TestClient.connect(gateway.url);
  for (const command of [{ subscribe: { channel } }, { unsubscribe: { channel } }, { publish: { channel, data: 1 } }]) {
    expect((await client.call(command)).error?.code).toBe(107);
  }
});

test("[LIM2] a name of 255 bytes is fine", async () => {
  await using client = await TestClient.connect(gateway.url);
  expect((await client.call({ subscribe: { channel: `${"é".repeat(127)}x` } })).error).toBeUndefined();
});

test("[CMD8] other types of subscription and publication get 108 and the connection lives on", async () => {
  await using client = await TestClient.connect(gateway.url);
  for (const type of [1, 2, 3, 4]) {
    for (const command of [
      { subscribe: { channel: "typed", type } },
      { publish: { channel: "typed", type, key: "k", removed: true } },
      { sub_refresh: { channel: "typed", type } },
    ]) {
      expect((await client.call(command)).error?.code).toBe(108);
    }
  }
  expect((await client.call({ publish: { channel: "typed", type: 0, data: 1 } })).error).toBeUndefined();
});

test("[CMD6] history and presence where there are none get 108, an rpc that nobody serves 104, a send nothing", async () => {
  await using client = await TestClient.connect(gateway.url);
  client.send('{"send":{"data":1}}');
  for (const method of ["presence", "presence_stats", "history"]) {
    expect((await client.call({ [method]: { channel: "a" } })).error?.code).toBe(108);
  }
  for (const method of ["rpc", "send"]) {
    expect((await client.call({ [method]: {} })).error?.code).toBe(104);
  }
  expect(client.received).toHaveLength(6);
});

test("[CMD7] ping gets an empty reply", async () => {
  await using client = await TestClient.connect(gateway.url);
  expect(await client.call({ ping: {} })).toEqual({ id: 2, ping: {} });
});
