import type { CloseReason, Push } from "@belay/protocol";
import type { DrainPolicy, DrainReport } from "@belay/protocol/control";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Movable } from "../session/movable.ts";
import { type Drainable, Drainer } from "./drainer.ts";

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** A client that keeps what it was told. */
class Client implements Drainable {
  readonly pushes: Push[] = [];
  readonly closings: CloseReason[] = [];
  readonly lastCommandMs: number;
  readonly handover: Handover | undefined;
  onClosing: () => void = () => undefined;

  constructor(lastCommandMs: number, isMovable: boolean) {
    this.lastCommandMs = lastCommandMs;
    this.handover = isMovable ? new Handover() : undefined;
  }

  get isOpen(): boolean {
    return this.closings.length === 0;
  }

  get kinds(): readonly string[] {
    return this.pushes.map(({ kind }) => kind);
  }

  push(push: Push): void {
    this.pushes.push(push);
  }

  close(reason: CloseReason): void {
    this.closings.push(reason);
    this.onClosing();
  }

  /** As an SDK does that has continued elsewhere. */
  move(): void {
    if (this.handover !== undefined) this.handover.isMoved = true;
    this.close({ code: 1000, reason: "" });
  }
}

class Handover implements Movable {
  isMoved = false;
  isBusy = false;
  withdrawn = 0;
  offers = 0;

  offer(): ReturnType<Movable["offer"]> {
    if (this.isBusy || this.isMoved) return undefined;
    this.offers += 1;
    return { session: "s", secret: `secret-${this.offers}` };
  }

  withdraw(): void {
    this.withdrawn += 1;
  }
}

function drainOf(clients: readonly Client[], capacity = 1000) {
  const open = new Set<Client>(clients);
  const gone: string[] = [];
  const reports: DrainReport[] = [];
  let isTrafficOff = false;
  const drainer = new Drainer({
    clock: { nowMs: () => Date.now(), date: () => new Date() },
    random: () => 0.5,
    open: () => open,
    sockets: () => open.size,
    capacityPerSecond: () => capacity,
    isTrafficOff: () => isTrafficOff,
    observer: {
      onGoaway: () => gone.push("goaway"),
      onGone: (how) => gone.push(how),
      onEnd: (report) => reports.push(report),
    },
  });
  for (const client of clients) {
    client.onClosing = () => {
      drainer.noteClosing(client);
      open.delete(client);
    };
  }
  return { drainer, gone, reports, setTraffic: (isOff: boolean) => (isTrafficOff = isOff) };
}

const clientsOf = (count: number, isMovable: (index: number) => boolean = () => true): readonly Client[] =>
  Array.from({ length: count }, (_, index) => new Client(index, isMovable(index)));

function order(policy: DrainPolicy = "ForceClose", deadlineSeconds = 30, ratePerSecond = 20) {
  return { term: 1, deadlineSeconds, ratePerSecond, reason: "rollout", policy } as const;
}

test("[DRN8] clients that can move get a goaway, the others are closed, all at the rate and the idle ones first", () => {
  const clients = clientsOf(40, (index) => index % 2 === 0);
  const { drainer } = drainOf(clients);
  drainer.request(order());
  // A quarter of it at first, three quarters now.
  vi.advanceTimersByTime(2000);
  const asked = clients.filter(({ pushes, closings }) => pushes.length + closings.length > 0);
  expect(asked.length).toBeGreaterThanOrEqual(17);
  expect(asked.length).toBeLessThanOrEqual(21);
  expect(asked).toEqual(clients.slice(0, asked.length));
  const [moves, closes] = [clients[0], clients[1]];
  expect(closes?.closings).toEqual([{ code: 3001, reason: "shutdown" }]);
  expect(moves?.closings).toEqual([]);
  const [goaway] = moves?.pushes ?? [];
  expect(goaway).toMatchObject({ kind: "goaway", session: "s", secret: "secret-1", windowMs: 100 });
  expect(goaway).toHaveProperty("deadlineMs", expect.closeTo(30_000, -3));
});

test("[DRN9] who moves, is closed, leaves or is forced is counted once, and the report says it", () => {
  const clients = clientsOf(10, (index) => index < 8);
  const { drainer, gone, reports } = drainOf(clients);
  drainer.request(order("ForceClose", 4));
  vi.advanceTimersByTime(2000);
  for (const client of clients.slice(0, 5)) client.move();
  clients[5]?.close({ code: 1000, reason: "" });
  expect(drainer.status).toMatchObject({ state: "draining", atStart: 10, remaining: 2, moved: 5, closed: 2, left: 1 });
  vi.advanceTimersByTime(2100);
  const counts = { atStart: 10, moved: 5, closed: 2, forced: 2, left: 1 };
  expect(drainer.status).toMatchObject({ state: "drained", ...counts });
  expect(reports).toEqual([{ outcome: "drained", ...counts, stayed: 0, tookSeconds: 4 }]);
  expect(drainer.status.report).toEqual(reports[0]);
  expect(gone.filter((how) => how === "goaway")).toHaveLength(8);
  expect(gone.filter((how) => how === "moved")).toHaveLength(5);
});

test("[DRN8] who has not left within 10 s is asked again with another secret, who is being taken is left alone", () => {
  const clients = clientsOf(2);
  const [waits, busy] = clients;
  const { drainer } = drainOf(clients);
  if (busy?.handover !== undefined) busy.handover.isBusy = true;
  drainer.request(order("ForceClose", 60));
  vi.advanceTimersByTime(9000);
  expect([waits?.kinds, busy?.kinds]).toEqual([["goaway"], []]);
  vi.advanceTimersByTime(5000);
  expect(waits?.pushes).toMatchObject([{ secret: "secret-1" }, { secret: "secret-2" }]);
  expect(busy?.kinds).toEqual([]);
});

test("[DRN10] a cancelled drain calls back who has a goaway and asks nobody else; the pod serves", () => {
  const clients = clientsOf(40);
  const { drainer, reports, setTraffic } = drainOf(clients);
  setTraffic(true);
  drainer.request(order());
  vi.advanceTimersByTime(1000);
  const asked = clients.filter(({ pushes }) => pushes.length > 0).length;
  for (const client of clients.slice(0, 4)) client.move();
  expect(drainer.request({ term: 0, cancel: true })).toBe(false);
  expect(drainer.isGateClosed).toBe(true);
  expect(drainer.request({ term: 1, cancel: true })).toBe(true);
  vi.advanceTimersByTime(60_000);
  expect(clients.filter(({ kinds }) => kinds.at(-1) === "goaway_cancel")).toEqual(clients.slice(4, asked));
  expect(clients.slice(4, asked).every(({ handover }) => handover?.withdrawn === 1)).toBe(true);
  expect(clients.slice(asked).every(({ pushes, isOpen }) => pushes.length === 0 && isOpen)).toBe(true);
  expect(drainer.status).toMatchObject({ state: "serving", report: { outcome: "cancelled", moved: 4, stayed: 36 } });
  expect(reports).toHaveLength(1);
  // The label that goes with it comes later.
  expect(drainer.isGateClosed).toBe(false);
  setTraffic(false);
  drainer.noteLabels();
  setTraffic(true);
  expect(drainer.isGateClosed).toBe(true);
});

test("[DRN2] Wait goes on behind the deadline and forces nobody", () => {
  const clients = clientsOf(3);
  const { drainer } = drainOf(clients);
  drainer.request(order("Wait", 2));
  vi.advanceTimersByTime(30_000);
  expect(clients.every(({ isOpen }) => isOpen)).toBe(true);
  expect(clients[0]?.pushes.length).toBeGreaterThanOrEqual(3);
  expect(clients[0]?.pushes.at(-1)).toMatchObject({ deadlineMs: 10_000, windowMs: 0 });
  expect(drainer.status).toMatchObject({ state: "draining", remaining: 3, secondsToDeadline: 0 });
  for (const client of clients) client.move();
  vi.advanceTimersByTime(100);
  expect(drainer.status).toMatchObject({ state: "drained", moved: 3 });
});

test("[DRN2] Abort ends the drain at the deadline; those who are left stay, and another request begins anew", () => {
  const clients = clientsOf(3);
  const { drainer, setTraffic } = drainOf(clients);
  setTraffic(true);
  drainer.request(order("Abort", 2));
  vi.advanceTimersByTime(3000);
  expect(clients.map(({ kinds }) => kinds)).toEqual(clients.map(() => ["goaway", "goaway_cancel"]));
  expect(drainer.status).toMatchObject({ state: "serving", report: { outcome: "aborted", stayed: 3 } });
  expect(drainer.isGateClosed).toBe(true);
  drainer.request(order("ForceClose", 2));
  expect(drainer.status).not.toHaveProperty("report");
  vi.advanceTimersByTime(3000);
  expect(drainer.status).toMatchObject({ state: "drained", forced: 3 });
});

test("[DRN9] a drain that begins anew after Abort counts on; after it was taken back it counts from zero", () => {
  const clients = clientsOf(4);
  const { drainer, setTraffic } = drainOf(clients);
  setTraffic(true);
  drainer.request(order("Abort", 2));
  clients[0]?.move();
  vi.advanceTimersByTime(3000);
  // On its way when the drain gave up.
  clients[1]?.move();
  drainer.request(order("Abort", 2));
  expect(drainer.status).toMatchObject({ state: "draining", atStart: 4, moved: 2, left: 0, remaining: 2 });
  vi.advanceTimersByTime(3000);
  expect(drainer.status).toMatchObject({ report: { outcome: "aborted", moved: 2, stayed: 2, tookSeconds: 2 } });
  setTraffic(false);
  drainer.noteLabels();
  drainer.request(order("ForceClose", 2));
  clients[2]?.move();
  expect(drainer.status).toMatchObject({ atStart: 2, moved: 1, left: 0, remaining: 1 });
});

test("[DRN6] the drain of a process that ends cannot be changed", () => {
  const clients = clientsOf(1);
  const { drainer } = drainOf(clients);
  drainer.startFinal({ deadlineSeconds: 2, ratePerSecond: 0.001 });
  drainer.request({ term: 1, cancel: true });
  drainer.request(order("Wait", 60, 0.001));
  expect(drainer.isGateClosed).toBe(true);
  vi.advanceTimersByTime(2500);
  expect(clients[0]?.closings).toHaveLength(1);
});

test("[DRN11] a drain is no faster than the pods that stay take its clients, and says who will be late", () => {
  const clients = clientsOf(100, () => false);
  const { drainer } = drainOf(clients, 10);
  drainer.request(order("ForceClose", 4, 1000));
  // 40 in 4 s, less what it takes to begin slowly.
  expect(drainer.status).toMatchObject({ late: 62 });
  vi.advanceTimersByTime(3900);
  const { late = 0 } = drainer.status;
  expect(late).toBeGreaterThanOrEqual(61);
  vi.advanceTimersByTime(200);
  const { closed } = drainer.status;
  expect(closed).toBeLessThanOrEqual(39);
  expect(drainer.status).toMatchObject({ state: "drained", forced: 100 - closed });
});

test("[DRN3] asking again changes the policy of the drain under way and asks nobody twice", () => {
  const clients = clientsOf(3);
  const { drainer } = drainOf(clients);
  drainer.request(order("Wait", 2));
  vi.advanceTimersByTime(1000);
  drainer.request({ ...order("ForceClose", 2), term: 2 });
  vi.advanceTimersByTime(1000);
  expect(clients.map(({ kinds }) => kinds)).toEqual(clients.map(() => ["goaway"]));
  vi.advanceTimersByTime(1500);
  expect(clients.map(({ closings }) => closings[0]?.code)).toEqual([3001, 3001, 3001]);
});
