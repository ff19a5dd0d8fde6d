import { expect, test } from "vitest";
import { type KnownReplica, MISSED_MS, ReplicaWatch } from "./replica-watch.ts";

const replica = (name: string): KnownReplica => ({ address: `${name}:6379`, runId: name });
const stranger = (name: string): KnownReplica => ({ address: `${name}:6379`, runId: undefined });

interface Round {
  readonly primary?: string;
  readonly confirmed?: readonly KnownReplica[];
  readonly late?: readonly KnownReplica[];
}

const watching = (): ((round: Round, nowMs: number) => boolean) => {
  const watch = new ReplicaWatch();
  return ({ primary = "p", confirmed = [], late = [] }, nowMs) => watch.isComplete({ primary, confirmed, late }, nowMs);
};

test("[IBR8] where there never was a replica nobody is waited for", () => {
  expect(watching()({}, 0)).toBe(true);
});

test.each<[string, Round]>([
  ["is late", { confirmed: [replica("a")], late: [replica("b")] }],
  ["is late, the only one", { late: [replica("b")] }],
  ["is gone", { confirmed: [replica("a")] }],
  ["is gone, as all are", {}],
  ["is gone while another one came", { late: [replica("c")], confirmed: [replica("a")] }],
])("[IBR8] a replica that %s is missed for a while, and no longer", (_title, round) => {
  const isComplete = watching();
  expect(isComplete({ confirmed: [replica("a"), replica("b")] }, 0)).toBe(true);
  expect(isComplete(round, 1_000)).toBe(false);
  expect(isComplete(round, 999 + MISSED_MS)).toBe(false);
  expect(isComplete(round, 1_000 + MISSED_MS)).toBe(true);
  expect(isComplete(round, 1_001 + MISSED_MS)).toBe(true);
  expect(isComplete({ confirmed: [replica("a"), replica("b"), ...(round.late ?? [])] }, 2_000 + MISSED_MS)).toBe(true);
  expect(isComplete(round, 3_000 + MISSED_MS)).toBe(false);
});

test("[IBR8] a replica that is back is missed no more", () => {
  const isComplete = watching();
  isComplete({ confirmed: [replica("a")] }, 0);
  expect(isComplete({}, 1_000)).toBe(false);
  expect(isComplete({ confirmed: [replica("a")] }, 2_000)).toBe(true);
});

test("[IBR8] after a failover the other replicas are expected at the one that was promoted, and not that one itself", () => {
  const isComplete = watching();
  isComplete({ confirmed: [replica("a"), replica("b")] }, 0);
  isComplete({ primary: "q", confirmed: [replica("c")] }, 0);
  expect(isComplete({ primary: "a" }, 1_000)).toBe(false);
  expect(isComplete({ primary: "a", confirmed: [replica("b")] }, 2_000)).toBe(true);
  expect(isComplete({ primary: "q", confirmed: [replica("c")] }, 3_000)).toBe(true);
  // The only replica was promoted: there is none left.
  expect(isComplete({ primary: "c" }, 4_000)).toBe(true);
});

test("[IBR8] another process at the address of one that ended takes its place", () => {
  const isComplete = watching();
  isComplete({ confirmed: [replica("a")] }, 0);
  expect(isComplete({ late: [stranger("a")] }, 1_000)).toBe(false);
  expect(isComplete({ confirmed: [{ address: "a:6379", runId: "another" }] }, 2_000)).toBe(true);
  expect(isComplete({ primary: "another" }, 3_000)).toBe(true);
});

test("[IBR8] one that could not be asked who it is when it was late is still the one that is promoted", () => {
  const isComplete = watching();
  isComplete({ confirmed: [replica("a")] }, 0);
  expect(isComplete({ late: [stranger("a")] }, 1_000)).toBe(false);
  expect(isComplete({ primary: "a" }, 2_000)).toBe(true);
});
