import { callApi, eventually, TestClient } from "@belay/testkit";
import { expect, test } from "vitest";
import { askToMove, comings, connectSeen, move, presentIn, Publishing, startNodes } from "./moving-nodes.ts";

const CHANNELS = ["a", "plain:b", "kept:c", "kept:d"] as const;

test("[HND1] [HND3] [HND4] [HND5] a client with four channels moves while others publish: nothing lost, nothing twice, nobody sees it", async () => {
  const [here, there] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: there }, "ann", ["a", "kept:c", "kept:d"]);
  await seen.client.subscribe("plain:b");
  await using publishing = new Publishing(there, CHANNELS);
  await eventually("some came", 10_000, () => seen.client.publications("plain:b").length > 3);
  await askToMove(here);
  const next = await move(seen, there);
  const during = publishing.published;
  await eventually("more came", 10_000, () => publishing.published > during + 10);
  await publishing.stop();
  const { published } = publishing;
  expect(next.client).toBe(seen.client.client);
  for (const channel of CHANNELS) {
    const place = next.granted?.moved?.[channel];
    await eventually("the last", 10_000, () => next.publications(channel).at(-1)?.data === published);
    const before = seen.client.publications(channel).filter(({ offset }) => offset <= (place?.offset ?? 0));
    const shown = [...before, ...next.publications(channel)];
    expect(shown.map(({ data }) => data)).toEqual(
      Array.from({ length: published }, (_, n) => n + 1).slice(-shown.length),
    );
    expect(shown[0]?.data).toBeLessThan(4);
  }
  for (const channel of ["a", "kept:c", "kept:d"]) {
    expect(comings(seen, channel)).toBe(1);
    expect(await presentIn(here, channel)).toContain(next.client);
  }
  expect(await seen.client.wire.closed).toMatchObject({ code: 1000 });
  await using refused = await TestClient.open(there.url);
  expect((await refused.call({ connect: { token: seen.token } })).error?.code).toBe(111);
  next.wire.socket.close(1000);
  await eventually("others see it go", 10_000, () => comings(seen, "a") === 2);
  await eventually("the place is free", 10_000, async () => {
    await using again = await TestClient.open(there.url);
    return (await again.call({ connect: { token: seen.token } })).error === undefined;
  });
});

test("[HND5] a client moves again, to a third node: still nobody sees it leave, until it does", async () => {
  const [here, there, elsewhere] = await startNodes();
  const seen = await connectSeen({ here, watchedFrom: elsewhere }, "ann", ["a", "kept:a"]);
  await askToMove(here);
  const second = await move(seen, there);
  await askToMove(there);
  const third = await move({ ...seen, client: second }, elsewhere);
  expect(third.client).toBe(seen.client.client);
  await second.wire.closed;
  expect(await presentIn(elsewhere, "a")).toContain(third.client);
  third.wire.socket.close(1000);
  await eventually("gone from presence", 10_000, async () => !(await presentIn(here, "a")).includes(third.client));
  // Whatever was announced comes before this.
  for (const channel of ["a", "kept:a"]) {
    await callApi(elsewhere, "publish", { channel, data: "the end" });
    await seen.watcher.waitFor("the end", ({ push }) => push?.channel === channel && push.pub?.data === "the end");
    expect(comings(seen, channel)).toBe(2);
  }
});
