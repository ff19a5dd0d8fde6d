import { callApi, eventually, startGateway, TestClient } from "@belay/testkit";
import { Centrifuge } from "centrifuge/build/protobuf";
import { fetch as undiciFetch } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (data: unknown): unknown => JSON.parse(new TextDecoder().decode(data as Uint8Array));

test.each(["websocket", "http_stream"] as const)(
  "[HS2] [STR1] the Protobuf SDK over %s meets JSON clients",
  async (transport) => {
    await using gateway = await startGateway();
    const endpoint = transport === "websocket" ? gateway.url : `${gateway.httpUrl}/connection/http_stream`;
    const client = new Centrifuge([{ transport, endpoint }], {
      websocket: WebSocket,
      fetch: undiciFetch,
      readableStream: ReadableStream,
      emulationEndpoint: `${gateway.httpUrl}/emulation`,
    });
    onTestFinished(() => client.disconnect());
    const got: unknown[] = [];
    const subscription = client.newSubscription("room");
    subscription.on("publication", ({ data }: { data: unknown }) => got.push(decode(data)));
    subscription.subscribe();
    client.connect();
    await subscription.ready(5000);
    await using json = await TestClient.connect(gateway.url);
    await json.call({ subscribe: { channel: "room" } });
    await subscription.publish(encode({ from: "protobuf" }));
    await callApi(gateway, "publish", { channel: "room", data: { n: 1.5 } });
    await eventually("both", 5000, () => got.length === 2);
    expect(got).toEqual([{ from: "protobuf" }, { n: 1.5 }]);
    expect(await json.waitForPayloads("room", 2)).toEqual(got);
  },
);

test("[FRM1] a text frame in a Protobuf connection closes with 3501", async () => {
  await using gateway = await startGateway();
  await using client = await TestClient.open(`${gateway.url}?format=protobuf`);
  client.send('{"id":1,"connect":{}}');
  expect((await client.closed).code).toBe(3501);
});
