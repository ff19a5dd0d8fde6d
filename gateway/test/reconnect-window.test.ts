import { type GatewayAccess, type Received, startGateway, TestClient } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";

async function connect(gateway: GatewayAccess, belay: object): Promise<{ client: TestClient; reply: Received }> {
  const client = await TestClient.open(gateway.url);
  onTestFinished(() => client[Symbol.asyncDispose]());
  return { client, reply: await client.call({ connect: { belay } }) };
}

const windowOf = ({ push }: Received): number | undefined =>
  (push as { readonly belay?: { readonly window?: { readonly ms: number } } } | undefined)?.belay?.window?.ms;

test("[WIN1] [WIN2] a client is told the window, and told again when it has changed by more than half; who did not ask is not", async () => {
  await using gateway = await startGateway({ config: { limits: { handshakesPerSecond: 1, handshakeBurst: 100 } } });
  const [first, plain] = [await connect(gateway, { window: true }), await connect(gateway, {})];
  expect(first.reply.connect).toMatchObject({ belay: { window: { ms: 1500 } } });
  for (let more = 0; more < 8; more++) await connect(gateway, {});
  const last = await connect(gateway, { window: true });
  expect(last.reply.connect).toMatchObject({ belay: { window: { ms: 16_500 } } });
  const pushed = await first.client.waitFor("window", (message) => (windowOf(message) ?? 0) >= 15_000, 10_000);
  expect(windowOf(pushed)).toBe(16_500);
  expect(plain.client.received.every((message) => windowOf(message) === undefined)).toBe(true);
  expect(plain.reply.connect).not.toHaveProperty("belay");
  const metrics = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
  expect(metrics).toContain("belay_gateway_reconnect_window_seconds 16.5");
});

test("[WIN3] who is refused because too many come is told over what time to try again", async () => {
  await using gateway = await startGateway({ config: { limits: { handshakesPerSecond: 1, handshakeBurst: 1 } } });
  await connect(gateway, {});
  const refused = await connect(gateway, { window: true });
  expect(refused.reply).toMatchObject({ error: { code: 111, temporary: true } });
  expect(windowOf(refused.client.received[0] ?? {})).toBeGreaterThanOrEqual(500);
  const plain = await connect(gateway, {});
  expect(plain.reply).toMatchObject({ error: { code: 111 } });
  expect(plain.client.received).toHaveLength(1);
});
