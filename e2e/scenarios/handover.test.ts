import { expect, test } from "vitest";
import { signalPod } from "../container-process.ts";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { CentrifugeFleet } from "../handover/centrifuge-fleet.ts";
import { ChannelTraffic } from "../handover/channel-traffic.ts";
import { ClientPublishers } from "../handover/client-publishers.ts";
import { faultsOf, NO_FAULTS, percentile } from "../handover/delivery-check.ts";
import { noteFigure } from "../handover/figures.ts";
import { ALL_GONE, CHANNELS, channelsOf, CLIENTS, NAME, RATE, rolledOut, settled, staged } from "../handover/stage.ts";
import { nextGatewayImage } from "../images.ts";

/**
 * Five a second of each client, up to as many as two cores carry that all of this shares, docs/adr/0018. On a machine with more
 * cores: BELAY_HANDOVER_PUBLISHES=10000.
 */
const PUBLISHES_PER_SECOND = Math.min(5 * CLIENTS, Number(process.env["BELAY_HANDOVER_PUBLISHES"] ?? 3_000));

test("[HND5] every client of the SDK on one pod goes to another while 500 messages a second flow: 0 lost, 0 doubled, nobody leaves or joins", async () => {
  await using ns = await given.namespace("e2e-handover");
  await using stage = await staged(ns, { channels: channelsOf(CHANNELS, "kept", "plain"), perSecond: 500 });
  const { fleet, traffic } = stage;
  expect([...fleet.byNode.values()]).toEqual([CLIENTS]);
  const idsBefore = fleet.members.map(({ client }) => client.id);
  const quietMs = performance.now();
  await eventuallyTrue("ten seconds of traffic", { withinMs: 20_000 }, () => performance.now() - quietMs > 10_000);
  // The last ones to come have been told of by now.
  for (const { comings } of fleet.members) comings.length = 0;
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  await eventuallyTrue("all have gone", ALL_GONE, () => !fleet.moves.has(0));
  const done = await rolledOut(ns, stage.revision);
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  const before = percentile(fleet.latencies.between(quietMs, quietMs + 10_000), 99);
  const during = percentile(fleet.latencies.between(fleet.firstMoveMs, fleet.lastMoveMs + 1_000), 99);
  const took = Math.round(fleet.lastMoveMs - fleet.firstMoveMs);
  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.resets).toBe(0);
  expect(fleet.count("reconnecting")).toBe(0);
  expect(fleet.moves).toEqual(new Map([[1, CLIENTS]]));
  expect(fleet.members.map(({ client }) => client.id)).toEqual(idsBefore);
  expect(fleet.members.flatMap(({ comings }) => comings)).toEqual([]);
  expect(done.status?.lastRollout).toMatchObject({ killedUndrained: 0 });
  await noteFigure(
    "clients of the SDK handed over, half of their channels without a history",
    `${CLIENTS} in ${(took / 1000).toFixed(1)} s, each once (${fleet.count("migrating")} tries); ${traffic.acknowledged} published, ` +
      `${fleet.latencies.length} shown: 0 lost, doubled or out of order, 0 reconnects, 0 joins or leaves`,
  );
  await noteFigure(
    "delivery gap",
    `${(during - before).toFixed(1)} ms (p99 ${before.toFixed(1)} ms before, ${during.toFixed(1)} ms meanwhile)`,
  );
}, 400_000);

test("[PKY1] what moving clients publish themselves, all of them and all the while, is in the channel once", async () => {
  await using ns = await given.namespace("e2e-handover-publish");
  // Two clients in each.
  await using stage = await staged(ns, { channels: channelsOf(CLIENTS / 2, "kept", "plain"), perSecond: 0 });
  const { fleet } = stage;
  const publishers = new ClientPublishers(fleet);
  publishers.start(PUBLISHES_PER_SECOND);
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  await eventuallyTrue("all have gone", ALL_GONE, () => !fleet.moves.has(0));
  await rolledOut(ns, stage.revision);
  await publishers.stop();
  await settled(() => faultsOf(publishers.shown, publishers.newest));

  expect(publishers.failures).toEqual([]);
  // A publish that the server refused for a moment is made again behind those that were under way with it.
  expect(faultsOf(publishers.shown, publishers.newest)).toMatchObject({ lost: 0, duplicated: 0 });
  expect(fleet.count("reconnecting")).toBe(0);
  await noteFigure(
    "publishes of clients on the move, with keys",
    `${publishers.made} by all ${CLIENTS} clients, ${publishers.perSecond.toFixed(0)} a second: each acknowledged, each once in the channel`,
  );
}, 400_000);

test("[DRN10] a rollout that is taken back at 40 %: the old pod serves again, nobody else goes, nothing is missed", async () => {
  await using ns = await given.namespace("e2e-handover-back");
  // Slowly: the operator needs a moment to hear of it.
  const ratePerSecond = Math.ceil(CLIENTS / 30);
  await using stage = await staged(ns, {
    channels: channelsOf(CHANNELS, "kept", "plain"),
    perSecond: 250,
    drain: { ratePerSecond },
  });
  const { fleet, traffic } = stage;
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  await eventuallyTrue("40 % have gone", { withinMs: 120_000, everyMs: 50 }, () => {
    return fleet.members.filter(({ nodes }) => nodes.length > 1).length >= 0.4 * CLIENTS;
  });
  await given.patchCluster(ns, NAME, { image: null });
  const cluster = await rolledOut(ns, "");
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  const stayed = fleet.moves.get(0) ?? 0;
  expect(cluster.status?.revision).toBe(stage.revision);
  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.resets).toBe(0);
  expect(fleet.count("reconnecting")).toBe(0);
  // Those who were asked before the operator knew, go all the same.
  expect(stayed).toBeGreaterThan(0.3 * CLIENTS);
  expect(new Set(fleet.moves.keys())).toEqual(new Set([0, 2]));
  await noteFigure(
    "a rollout taken back at 40 %",
    `${stayed} of ${CLIENTS} never went anywhere, the others went there and back; 0 lost or doubled`,
  );
}, 400_000);

test("[HND7] the pod that clients are going to is killed in the middle: those on their way stay, the others recover, nothing is missed", async () => {
  await using ns = await given.namespace("e2e-handover-killed");
  await using stage = await staged(ns, { channels: channelsOf(CHANNELS, "kept"), perSecond: 250 });
  const { fleet, traffic } = stage;
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  const { value: target } = await eventually("a third has gone", { withinMs: 120_000, everyMs: 50 }, () => {
    const gone = fleet.members.filter(({ nodes }) => nodes.length > 1);
    return Promise.resolve(gone.length >= CLIENTS / 3 ? gone[0]?.nodes[1] : undefined);
  });
  await signalPod(target, "SIGKILL");
  await rolledOut(ns, stage.revision);
  await eventuallyTrue("all are back", { withinMs: 60_000 }, () => fleet.connected === CLIENTS);
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.resets).toBe(0);
  await noteFigure(
    "the new pod killed in the middle",
    `${fleet.reconnected} of ${CLIENTS} clients reconnected; 0 messages lost or doubled`,
  );
}, 400_000);

test("[DRN1] clients of an unmodified SDK reconnect once each, at the rate, and miss nothing in channels with a history", async () => {
  await using ns = await given.namespace("e2e-plain-clients");
  await given.realtimeCluster(ns, NAME, {
    replicas: 1,
    auth: { anonymous: true },
    drain: { deadlineSeconds: 60, ratePerSecond: RATE, gracePeriodSeconds: 90 },
    namespaces: [{ name: "kept", allow: { subscribe: "anonymous" }, history: { size: 1000, ttlSeconds: 300 } }],
  });
  const { cluster, url } = await given.readyCluster(ns, NAME);
  const channels = channelsOf(CHANNELS, "kept");
  const apiKey = await given.apiKey(ns, NAME);
  await using traffic = ChannelTraffic.start({ url, apiKey, channels, perSecond: 250 });
  await using fleet = await CentrifugeFleet.open({ url, count: CLIENTS, channels, openPerSecond: 100 }, traffic.newest);

  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  await eventuallyTrue("all have gone", ALL_GONE, () => fleet.losses.length >= CLIENTS);
  await rolledOut(ns, cluster.status?.revision);
  await eventuallyTrue("all are back", { withinMs: 60_000 }, () => fleet.connected === CLIENTS);
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  const { peakPerSecond, stallMs } = fleet;
  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.losses.filter(({ code }) => code !== 3001)).toEqual([]);
  expect(fleet.losses).toHaveLength(CLIENTS);
  expect(fleet.members.filter(({ unrecovered }) => unrecovered > 0)).toEqual([]);
  // What came while this process stood still it sees at once.
  expect(peakPerSecond).toBeLessThanOrEqual(1.2 * RATE * (1 + stallMs / 1000) + 5);
  await noteFigure(
    "clients of an unmodified SDK",
    `${CLIENTS} closed once each with 3001, ${peakPerSecond} in the fullest second as a process saw it that stood still for up to ${stallMs} ms; the rate is ${RATE}; 0 lost`,
  );
}, 400_000);
