import type { GatewayConfig } from "@belay/protocol/control";
import { callApi, eventually, type GatewayAccess } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { MovingClient } from "./moving-client.ts";
import { askToMove, startNodes, tokenOf } from "./moving-nodes.ts";

const CONFIG: GatewayConfig = {
  inbox: { enabled: true },
  channels: {
    namespaces: [
      { name: "given" },
      { name: "tags", tagsFilter: true },
      { name: "patched", history: { size: 10, ttlSeconds: 60 }, delta: "Always" },
    ],
  },
};
const INBOX = { group: "phone" };

interface Moved {
  readonly first: MovingClient;
  readonly second: MovingClient;
}

async function moveWhile(
  { here, there, token }: { readonly here: GatewayAccess; readonly there: GatewayAccess; readonly token: string },
  prepare: (first: MovingClient) => Promise<void>,
): Promise<Moved> {
  const first = await MovingClient.connect(here.url, { token, inbox: INBOX });
  onTestFinished(() => first.wire.socket.terminate());
  await prepare(first);
  await askToMove(here);
  const inbox = { ...INBOX, ...first.connected.belay?.inbox };
  const second = await MovingClient.continue(there.url, first, { secret: await first.goaway(), token, inbox });
  onTestFinished(() => second.wire.socket.terminate());
  const channels = second.granted?.moved ?? {};
  expect(await first.rpc("belay:barrier", { channels })).toMatchObject({ rpc: { data: {} } });
  expect((await second.rpc("belay:moved")).error).toBeUndefined();
  first.wire.socket.close(1000);
  return { first, second };
}

test("[HND3] what the server subscribed to, filters, patches, ends and the inbox go with the client", async () => {
  const [here, there] = await startNodes({ config: CONFIG });
  const publish = (channel: string, data: unknown, tags?: object) => callApi(there, "publish", { channel, data, tags });
  const token = await tokenOf(here, "ann", {
    exp: Math.floor(Date.now() / 1000) + 600,
    subs: { "given:a": { info: { seat: 1 } } },
  });
  const long = "a text that is long enough to be sent as a patch of the one before, ".repeat(5);
  const { first, second } = await moveWhile({ here, there, token }, async (client) => {
    await client.subscribe("tags:a", { tf: { key: "kind", cmp: "eq", val: "wanted" } });
    await client.subscribe("patched:a", { delta: "fossil", recoverable: true });
    await publish("patched:a", `${long} 1`);
    await publish("patched:a", `${long} 2`);
    await eventually("a patch", 10_000, () => client.publications("patched:a").length === 2);
  });
  expect(Object.keys(second.granted?.moved ?? {}).toSorted()).toEqual(["given:a", "patched:a", "tags:a"]);
  expect(second.connected.ttl).toBeLessThanOrEqual(first.connected.ttl ?? 0);
  await publish("given:a", "given");
  await publish("tags:a", "unwanted", { kind: "other" });
  await publish("tags:a", "wanted", { kind: "wanted" });
  await publish("patched:a", `${long} 3`);
  await publish("patched:a", `${long} 4`);
  await callApi(there, "inbox/send", { user: "ann", data: "kept" });
  await eventually("all of it", 10_000, () => second.publications("patched:a").length === 2);
  await eventually("the inbox", 10_000, () => second.wire.frames.some((frame) => frame.includes('"kept"')));
  expect(second.publications("given:a").map(({ data }) => data)).toEqual(["given"]);
  expect(second.publications("tags:a").map(({ data }) => data)).toEqual(["wanted"]);
  const patches = second.wire.received.flatMap(({ push }) =>
    push?.channel === "patched:a" && push.pub !== undefined ? ["delta" in push.pub] : [],
  );
  expect(patches).toEqual([false, true]);
  expect(second.publications("patched:a").at(0)?.data).toBe(JSON.stringify(`${long} 3`));
});

test("[HND3] a subscription whose namespace is not there any more ends with the move", async () => {
  const [here, there] = await startNodes({ config: CONFIG });
  const token = await tokenOf(here, "ann");
  await there.reconfigure({ ...CONFIG, channels: { namespaces: [{ name: "given" }] } });
  await eventually("taken", 10_000, async () => {
    const { error } = (await callApi(there, "publish", { channel: "tags:a", data: 1 })) as { error?: object };
    return error !== undefined;
  });
  const { second } = await moveWhile({ here, there, token }, async (client) => {
    await client.subscribe("given:a");
    await client.subscribe("tags:a");
  });
  expect(Object.keys(second.granted?.moved ?? {})).toEqual(["given:a"]);
  const told = await second.wire.waitFor("unsubscribe", ({ push }) => push?.channel === "tags:a");
  expect(told.push).toMatchObject({ unsubscribe: { code: 2000 } });
});
