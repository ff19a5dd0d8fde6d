import type { ClusterLimits } from "@belay/gateway/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";

/** What limits of a cluster are kept in, for the contract. */
export interface LimitsMedium extends AsyncDisposable {
  /** Limits that are not started; no node hears another one. */
  open(): ClusterLimits;
}

export interface LimitsSubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<LimitsMedium>;
}

/** Bans and rates of every kind keep these rules; docs/redis.md tells them in words. */
export function limitsContract({ name, nodes, openMedium }: LimitsSubject): void {
  describe(`limits: ${name}`, () => {
    let medium: LimitsMedium;
    let here: ClusterLimits;
    let there: ClusterLimits;

    beforeAll(async () => {
      medium = await openMedium();
      here = medium.open();
      await here.start();
      there = nodes === 1 ? here : medium.open();
      if (there !== here) await there.start();
    });
    afterAll(async () => {
      await here.close();
      if (there !== here) await there.close();
      await medium[Symbol.asyncDispose]();
    });

    test("[BN1] a ban holds here at once, on the other node soon, for whom it names, until it ends", async () => {
      const [ann, guest, other] = [
        { user: "ann", address: "10.0.0.1" },
        { user: "", address: "10.0.0.1" },
        { user: "", address: "10.0.0.2" },
      ];
      await here.bans.ban(ann, 4);
      await here.bans.ban(other, 600);
      expect([ann, guest, other].map((who) => here.bans.isBanned(who))).toEqual([true, false, true]);
      await eventually("the other node knows", 5_000, () => there.bans.isBanned(other));
      expect(there.bans.isBanned(guest)).toBe(false);
      await eventually("it is over", 10_000, () => !there.bans.isBanned(ann) && !here.bans.isBanned(ann));
      expect(there.bans.isBanned(other)).toBe(true);
    });

    test.runIf(nodes === 2)("[BN2] a node that starts later knows every ban when it has started", async () => {
      const names = Array.from({ length: 600 }, (_, n) => ({ user: `user ${n}`, address: "" }));
      await Promise.all(names.map((who) => here.bans.ban(who, 600)));
      const late = medium.open();
      await late.start();
      const known = names.filter((who) => late.bans.isBanned(who));
      await late.close();
      expect(known).toHaveLength(names.length);
    });

    test("[QU1] nodes share one rate: no more is granted than burst, rate and leases give, and nearly that much", async () => {
      const rate = { perSecond: 10, burst: 60 };
      const ann = { kind: "user", name: "ann" } as const;
      const startMs = performance.now();
      let granted = 0;
      for (let n = 0; n < 200; n += 1)
        for (const { quota } of [here, there]) if ((await quota.take(ann, rate)).isGranted) granted += 1;
      const seconds = (performance.now() - startMs) / 1_000;
      expect(granted).toBeLessThanOrEqual(rate.burst + rate.perSecond * seconds + 1);
      // What a lease does not use in time is lost: at most half of the burst on each node.
      expect(granted).toBeGreaterThan(rate.burst / 2);
      for (const subject of [{ kind: "user", name: "bob" } as const, { kind: "key", name: "ann" } as const])
        expect((await here.quota.take(subject, rate)).isGranted).toBe(true);
    });
  });
}
