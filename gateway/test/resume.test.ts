import { callApi, eventually, type GatewayAccess, startGateway, TestClient } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { MovingClient } from "./moving-client.ts";
import { comings, connectSeen, MOVING_CONFIG, presentIn, type Seen, startNodes, tokenOf } from "./moving-nodes.ts";

async function lose({ client }: Seen): Promise<void> {
  client.wire.socket.terminate();
  await client.wire.closed;
}

async function comeBack({ url }: GatewayAccess, { client, token }: Seen): Promise<MovingClient> {
  const next = await MovingClient.continue(url, client, { token });
  onTestFinished(() => next.wire.socket.terminate());
  return next;
}

test.for(["the same pod", "another pod"])(
  "[HND8] a client that lost its socket goes on where it was, on %s, and nobody sees it go",
  async (where) => {
    const [here, there] = await startNodes();
    const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a", "kept:a"]);
    for (let n = 1; n <= 3; n += 1) await callApi(there, "publish", { channel: "kept:a", data: n });
    await eventually("three", 10_000, () => seen.client.publications("kept:a").length === 3);
    await lose(seen);
    for (let n = 4; n <= 6; n += 1) await callApi(there, "publish", { channel: "kept:a", data: n });
    const next = await comeBack(where === "the same pod" ? here : there, seen);
    expect(next.client).toBe(seen.client.client);
    expect(next.granted?.moved).toEqual(seen.client.positions);
    for (let n = 7; n <= 9; n += 1) await callApi(there, "publish", { channel: "kept:a", data: n });
    await eventually("all", 10_000, () => next.publications("kept:a").length >= 6);
    expect(next.publications("kept:a").map(({ data }) => data)).toEqual([4, 5, 6, 7, 8, 9]);
    expect((await next.rpc("belay:moved")).error).toBeUndefined();
    for (const channel of ["a", "kept:a"]) {
      expect(comings(seen, channel)).toBe(1);
      expect(await presentIn(here, channel)).toContain(next.client);
    }
    next.wire.socket.close(1000);
    await eventually("others see it go", 10_000, () => comings(seen, "a") === 2);
    await eventually("gone from presence", 10_000, async () => !(await presentIn(here, "a")).includes(next.client));
  },
);

test("[HND8] while its place is kept nobody else gets it; when the time is over others see it go, and the secret is void", async () => {
  await using gateway = await startGateway({ config: { ...MOVING_CONFIG, handover: { resumeSeconds: 4 } } });
  const seen = await connectSeen({ here: gateway, watchedFrom: gateway }, "ann", ["a"]);
  await lose(seen);
  await using early = await TestClient.open(gateway.url);
  expect((await early.call({ connect: { token: seen.token } })).error?.code).toBe(111);
  expect(comings(seen, "a")).toBe(1);
  await eventually("others see it go", 20_000, () => comings(seen, "a") === 2);
  const next = await comeBack(gateway, seen);
  expect(next.granted?.moved).toBeUndefined();
  expect(next.client).not.toBe(seen.client.client);
  expect(await presentIn(gateway, "a")).not.toContain(seen.client.client);
});

test("[HND8] nothing is kept of a client that closed by itself, or that was sent away", async () => {
  await using gateway = await startGateway({ config: MOVING_CONFIG });
  const closing = await connectSeen({ here: gateway, watchedFrom: gateway }, "ann", ["a"]);
  closing.client.wire.socket.close(1000);
  await eventually("ann went", 10_000, () => comings(closing, "a") === 2);
  const sent = await connectSeen({ here: gateway, watchedFrom: gateway }, "bob", ["a"]);
  await callApi(gateway, "disconnect", { user: "bob" });
  await eventually("bob went", 10_000, () => comings(sent, "a") === 2);
  for (const seen of [closing, sent]) expect((await comeBack(gateway, seen)).granted?.moved).toBeUndefined();
});

test("[HND8] a client that comes back before its loss is known goes on, when the old socket is silent", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  seen.client.wire.answersPings = false;
  const next = await comeBack(there, seen);
  expect(next.client).toBe(seen.client.client);
  expect(await seen.client.wire.closed).toMatchObject({ code: 3012 });
  expect(comings(seen, "a")).toBe(1);
});

test("[HND8] 0 seconds keep nothing", async () => {
  await using gateway = await startGateway({ config: { ...MOVING_CONFIG, handover: { resumeSeconds: 0 } } });
  const seen = await connectSeen({ here: gateway, watchedFrom: gateway }, "ann", ["a"]);
  expect(seen.client.granted?.resumeMs).toBe(0);
  await lose(seen);
  await eventually("others see it go", 10_000, () => comings(seen, "a") === 2);
});

test("[HND6] what the server was asked while the socket was lost is done where the client comes back", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a", "kept:a"]);
  await lose(seen);
  await callApi(there, "unsubscribe", { user: "ann", channel: "a" });
  const next = await comeBack(there, seen);
  await next.wire.waitFor("unsubscribe", ({ push }) => push?.channel === "a" && "unsubscribe" in push);
  expect(next.granted?.moved).toHaveProperty(["kept:a"]);
  const gone = await connectSeen({ here, watchedFrom: there }, "bob", ["a"]);
  await lose(gone);
  await callApi(there, "disconnect", { user: "bob" });
  await eventually("others see it go", 10_000, () => comings(gone, "a") === 2);
  expect((await comeBack(there, gone)).granted?.moved).toBeUndefined();
});

test("[HND6] a token that is revoked while its socket is lost ends what is kept", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a"]);
  await lose(seen);
  await callApi(there, "revoke", { user: "ann" });
  await eventually("others see it go", 10_000, () => comings(seen, "a") === 2);
  await eventually("gone from presence", 10_000, async () => (await presentIn(there, "a")).length === 1);
  expect(await presentIn(there, "a")).not.toContain(seen.client.client);
});

test("[HND1] who only listens, or does not ask, is granted nothing", async () => {
  await using gateway = await startGateway({ config: MOVING_CONFIG });
  await using plain = await TestClient.open(gateway.url);
  const reply = await plain.call({ connect: { token: await tokenOf(gateway, "ann") } });
  expect(reply.connect).not.toHaveProperty("belay");
  await using listening = await TestClient.open(gateway.url.replace("/websocket", "/uni_websocket"));
  listening.send(JSON.stringify({ token: await tokenOf(gateway, "bob"), belay: { handover: {} } }));
  const { push } = await listening.waitFor("connect push", (message) => message.push !== undefined);
  expect(push).toMatchObject({ connect: { node: gateway.podUid } });
  expect(push).not.toHaveProperty(["connect", "belay"]);
});
