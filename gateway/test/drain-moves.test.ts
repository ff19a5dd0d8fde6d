import type { DrainStatus } from "@belay/protocol/control";
import { callControl, eventually, type GatewayAccess, type Received, TestClient } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { MovingClient } from "./moving-client.ts";
import { connectSeen, move, startNodes, tokenOf } from "./moving-nodes.ts";

const statusOf = async (gateway: GatewayAccess): Promise<DrainStatus> =>
  (await (await callControl(gateway, "/drain")).json()) as DrainStatus;

const request = { deadlineSeconds: 60, ratePerSecond: 1000, reason: "rollout" } as const;

test("[DRN8] [DRN9] clients that can move are asked to, and are counted as moved; the drain ends with an empty pod", async () => {
  const [here, there] = await startNodes();
  const users = ["ann", "bob", "cid"];
  const seen = await Promise.all(
    users.map((user) => connectSeen({ here, watchedFrom: there }, user, [`room-${user}`])),
  );
  await callControl(here, "/drain", { term: 1, ...request });
  for (const each of seen) {
    const { goaway } = await goawayOf(each.client);
    expect(goaway?.windowMs).toBeLessThanOrEqual(100);
    expect(goaway?.deadlineMs).toBeGreaterThan(30_000);
  }
  expect(await statusOf(here)).toMatchObject({ state: "draining", remaining: 3, moved: 0, closed: 0 });
  for (const each of seen) await move(each, there);
  const { report } = await eventually("drained", 10_000, async () => {
    const status = await statusOf(here);
    return status.state === "drained" && status.report !== undefined && status;
  });
  expect(report).toMatchObject({ outcome: "drained", atStart: 3, moved: 3, closed: 0, forced: 0, left: 0, stayed: 0 });
  const metrics = await (await fetch(`${here.controlUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_drain_connections_total{how="moved"} 3');
  expect(metrics).toContain("belay_gateway_drain_goaways_total 3");
});

test("[DRN10] a cancelled drain calls a client back that has a goaway: it stays, and what the goaway gave is void", async () => {
  const [here, there] = await startNodes();
  const token = await tokenOf(here, "ann");
  const client = await MovingClient.connect(here.url, { token });
  onTestFinished(() => client.wire.socket.terminate());
  await client.subscribe("a");
  await callControl(here, "/drain", { term: 1, ...request });
  const { goaway } = await goawayOf(client);
  await callControl(here, "/drain", { term: 1, cancel: true });
  await client.wire.waitFor("goaway_cancel", (message) => belayOf(message).goaway_cancel !== undefined);
  const other = await MovingClient.continue(there.url, client, {
    token: await tokenOf(here, "bob"),
    ...(goaway !== undefined && { secret: goaway }),
  });
  onTestFinished(() => other.wire.socket.terminate());
  expect([other.reply.error, other.granted?.moved]).toEqual([undefined, undefined]);
  expect((await client.wire.call({ publish: { channel: "a", data: 1 } })).error).toBeUndefined();
  await client.wire.waitForPayloads("a", 1);
  expect(await statusOf(here)).toMatchObject({ state: "serving", report: { outcome: "cancelled", stayed: 1 } });
});

test("[PLC1] who may move sees places also in channels without a history, one who may not does not", async () => {
  const [here] = await startNodes();
  const mover = await MovingClient.connect(here.url, { token: await tokenOf(here, "ann") });
  const plain = await TestClient.connect(here.url, await tokenOf(here, "bob"));
  onTestFinished(() => mover.wire.socket.terminate());
  onTestFinished(() => plain.socket.terminate());
  expect((await plain.call({ subscribe: { channel: "a" } }))["subscribe"]).not.toHaveProperty("epoch");
  const before = (await mover.subscribe("a"))["subscribe"] as { readonly epoch: string; readonly offset: number };
  for (const data of [1, 2]) await mover.wire.call({ publish: { channel: "a", data } });
  await mover.wire.waitForPayloads("a", 2);
  await plain.waitForPayloads("a", 2);
  expect(plain.received.filter(({ push }) => push?.pub !== undefined && "offset" in push.pub)).toEqual([]);
  expect(before.epoch).not.toBe("");
  expect(before).not.toHaveProperty("positioned");
  expect(mover.publications("a").map(({ offset }) => offset)).toEqual([before.offset + 1, before.offset + 2]);
});

interface BelayPush {
  readonly goaway?: {
    readonly session: string;
    readonly secret: string;
    readonly windowMs: number;
    readonly deadlineMs: number;
  };
  readonly goaway_cancel?: object;
}

function belayOf({ push }: Received): BelayPush {
  return (push as { readonly belay?: BelayPush } | undefined)?.belay ?? {};
}

async function goawayOf({ wire }: MovingClient): Promise<BelayPush> {
  return belayOf(await wire.waitFor("goaway", (message) => belayOf(message).goaway !== undefined, 10_000));
}
