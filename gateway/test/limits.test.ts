import { eventually, type RunningGateway, startGateway, startRedis, TestClient } from "@belay/testkit";
import { expect, test } from "vitest";

async function codes(
  client: TestClient,
  commands: readonly Readonly<Record<string, unknown>>[],
): Promise<(number | undefined)[]> {
  const replies = await Promise.all(commands.map((command) => client.call(command)));
  return replies.map(({ error }) => error?.code);
}

const pings = (count: number): { ping: object }[] => Array.from({ length: count }, () => ({ ping: {} }));

test("[LIM10] commands beyond the burst get 111, which is temporary, and the connection lives on", async () => {
  await using gateway = await startGateway({ config: { limits: { commandsPerSecond: 1, commandBurst: 5 } } });
  await using client = await TestClient.connect(gateway.url);
  expect(await codes(client, pings(8))).toEqual([...Array.from({ length: 5 }, () => undefined), 111, 111, 111]);
  const refused = client.received.find(({ error }) => error?.code === 111);
  expect(refused?.error?.temporary).toBe(true);
  await eventually("served again", 3000, async () => (await codes(client, pings(1)))[0] === undefined);
});

test("[LIM10] rpc has a bucket of its own within", async () => {
  await using gateway = await startGateway({ config: { limits: { rpcPerSecond: 1, rpcBurst: 2 } } });
  await using client = await TestClient.connect(gateway.url);
  const calls = Array.from({ length: 3 }, () => ({ rpc: { method: "m" } }));
  expect(await codes(client, [...calls, ...pings(2)])).toEqual([104, 104, 111, undefined, undefined]);
});

test("[LIM11] bytes beyond the limit are refused, one message of the largest size never is", async () => {
  await using gateway = await startGateway({ config: { limits: { bytesPerSecond: 1024, maxMessageBytes: 60_000 } } });
  await using client = await TestClient.connect(gateway.url);
  const large = { publish: { channel: "a", data: "x".repeat(59_000) } };
  expect(await codes(client, [large, large])).toEqual([undefined, 111]);
});

test("[LIM12] connects beyond the burst get 111", async () => {
  await using gateway = await startGateway({ config: { limits: { handshakesPerSecond: 1, handshakeBurst: 2 } } });
  const clients = await Promise.all(Array.from({ length: 4 }, () => TestClient.open(gateway.url)));
  const replies = await Promise.all(clients.map((client) => client.call({ connect: {} })));
  expect(replies.filter(({ error }) => error?.code === 111)).toHaveLength(2);
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

test("[LIM12] an address has so many clients at once, and one more when one left", async () => {
  await using gateway = await startGateway({ config: { limits: { maxConnectionsPerAddress: 2 } } });
  const first = await TestClient.connect(gateway.url);
  await using second = await TestClient.connect(gateway.url);
  expect(await codes(second, pings(1))).toEqual([undefined]);
  await using third = await TestClient.open(gateway.url);
  expect((await third.call({ connect: {} })).error?.code).toBe(111);
  await first[Symbol.asyncDispose]();
  await eventually("room for one", 3000, async () => {
    await using again = await TestClient.open(gateway.url);
    return (await again.call({ connect: {} })).error === undefined;
  });
});

async function connectCode(gateway: RunningGateway): Promise<number | undefined> {
  await using client = await TestClient.open(gateway.url);
  return (await client.call({ connect: {} })).error?.code;
}

test("[LIM13] who goes on over the limit is closed, and stays away from every node until the ban ends", async () => {
  await using redis = await startRedis();
  const options = {
    redisUrl: redis.url,
    prefix: "ban:",
    config: { limits: { commandsPerSecond: 1, commandBurst: 1, banSeconds: 2 } },
  };
  await using one = await startGateway({ ...options, podUid: "one" });
  await using other = await startGateway({ ...options, podUid: "other" });
  await using client = await TestClient.connect(one.url);
  client.send(Array.from({ length: 300 }, (_, id) => `{"id":${id + 10},"ping":{}}`).join("\n"));
  expect((await client.closed).code).toBe(3013);
  expect(await connectCode(one)).toBe(111);
  await eventually("the other node knows", 2000, async () => (await connectCode(other)) === 111);
  await eventually("the ban is over", 5000, async () => (await connectCode(one)) === undefined);
  await eventually("there too", 2000, async () => (await connectCode(other)) === undefined);
});

test("[LIM14] only far beyond the limit of connections a socket is refused before it is opened", async () => {
  const limits = { maxConnections: 1, handshakeBurst: 2, handshakesPerSecond: 100 };
  await using gateway = await startGateway({ config: { limits } });
  const open = await Promise.all(Array.from({ length: 3 }, () => TestClient.open(gateway.url)));
  await expect(TestClient.open(gateway.url)).rejects.toThrow("503");
  await Promise.all(open.map((client) => client[Symbol.asyncDispose]()));
  await eventually("room again", 3000, () =>
    TestClient.open(gateway.url).then(
      (client) => client[Symbol.asyncDispose]().then(() => true),
      () => false,
    ),
  );
});
