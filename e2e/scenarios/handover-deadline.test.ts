import { expect, test } from "vitest";
import { eventually, eventuallyTrue } from "../eventually.ts";
import * as given from "../given.ts";
import { faultsOf, NO_FAULTS } from "../handover/delivery-check.ts";
import { noteFigure } from "../handover/figures.ts";
import { ALL_GONE, CHANNELS, channelsOf, CLIENTS, NAME, rolledOut, settled, staged } from "../handover/stage.ts";
import { nextGatewayImage } from "../images.ts";

/** Of the clients have been asked to leave when the deadline comes. */
const SHARE = 0.6;
const DEADLINE_SECONDS = CLIENTS < 1000 ? 10 : 30;
/** Two thirds of them are for those who move. */
const HANDSHAKES_PER_SECOND = Math.ceil(((SHARE * CLIENTS) / DEADLINE_SECONDS) * (3 / 2));
const limits = { handshakesPerSecond: HANDSHAKES_PER_SECOND } as const;

test("[DRN2] [DRN11] the deadline comes when 60 % have gone, ForceClose: the rest is closed, comes back and misses nothing", async () => {
  await using ns = await given.namespace("e2e-deadline-force");
  const drain = { deadlineSeconds: DEADLINE_SECONDS, policy: "ForceClose" };
  await using stage = await staged(ns, { channels: channelsOf(CHANNELS, "kept"), perSecond: 250, drain, limits });
  const { fleet, traffic } = stage;
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  const told = await drainingSays(ns, "policy ForceClose decides");
  const proof = (await rolledOut(ns, stage.revision)).status?.lastRollout;
  await eventuallyTrue("all are back", { withinMs: 120_000 }, () => fleet.connected === CLIENTS);
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  expect(told.reason).toBe("MovingClients");
  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.resets).toBe(0);
  const { moved = 0, forced = 0, left = 0 } = proof ?? {};
  expect(proof).toMatchObject({ closed: 0, killedUndrained: 0 });
  expect(moved + forced + left).toBe(CLIENTS);
  expect(moved).toBeGreaterThan(0.4 * CLIENTS);
  expect(forced).toBeGreaterThan(0.2 * CLIENTS);
  // One whose close came as it was going is on its way already.
  expect(fleet.reconnected).toBeLessThanOrEqual(forced + left);
  await noteFigure(
    "the deadline when 60 % have gone, ForceClose",
    `${moved} of ${CLIENTS} moved, ${forced} were closed at the deadline and came back, ${left} left by themselves; 0 lost or doubled`,
  );
}, 400_000);

test("[DRN2] [RO11] the same with Abort: who has not gone stays, until another policy lets it move, and nothing is missed", async () => {
  await using ns = await given.namespace("e2e-deadline-abort");
  const drain = { deadlineSeconds: DEADLINE_SECONDS, policy: "Abort" };
  const channels = channelsOf(CHANNELS, "kept", "plain");
  await using stage = await staged(ns, { channels, perSecond: 250, drain, limits });
  const { fleet, traffic } = stage;
  await given.patchCluster(ns, NAME, { image: await nextGatewayImage() });
  await drainingSays(ns, "gave up at their deadline");
  const stayed = fleet.moves.get(0) ?? 0;
  await given.patchCluster(ns, NAME, { drain: { policy: "Wait" } });
  await eventuallyTrue("all have gone", ALL_GONE, () => !fleet.moves.has(0));
  const done = await rolledOut(ns, stage.revision);
  await traffic.stop();
  await settled(() => faultsOf(fleet.shown, traffic.newest));

  expect(stayed).toBeGreaterThan(0.2 * CLIENTS);
  expect(stayed).toBeLessThan(0.6 * CLIENTS);
  expect(faultsOf(fleet.shown, traffic.newest)).toEqual(NO_FAULTS);
  expect(fleet.resets).toBe(0);
  expect(fleet.count("reconnecting")).toBe(0);
  expect(fleet.moves).toEqual(new Map([[1, CLIENTS]]));
  expect(done.status?.lastRollout).toMatchObject({ moved: CLIENTS, closed: 0, forced: 0 });
  await noteFigure(
    "the deadline when 60 % have gone, Abort, then Wait",
    `${stayed} of ${CLIENTS} stayed at the deadline and moved when the policy was changed; nobody reconnected; 0 lost or doubled`,
  );
}, 400_000);

/** Resolves to the condition Draining when it says so. */
async function drainingSays(ns: given.Namespace, text: string): Promise<given.Condition> {
  const { value } = await eventually(`Draining says: ${text}`, { withinMs: 120_000, everyMs: 500 }, async () => {
    const seen = given.condition(await given.readCluster(ns, NAME), "Draining");
    return seen?.message.includes(text) === true ? seen : undefined;
  });
  return value;
}
