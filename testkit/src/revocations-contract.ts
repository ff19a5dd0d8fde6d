import type { Revocations } from "@belay/gateway/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";

/** What revocations are kept in, for the contract. */
export interface RevocationsMedium extends AsyncDisposable {
  /** Revocations that are not started; no node hears another one. */
  open(): Revocations;
}

export interface RevocationsSubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<RevocationsMedium>;
}

const nowSeconds = (): number => Date.now() / 1_000;

/** Revocations of every kind keep these rules; docs/redis.md tells them in words. */
export function revocationsContract({ name, nodes, openMedium }: RevocationsSubject): void {
  describe(`revocations: ${name}`, () => {
    let medium: RevocationsMedium;
    let here: Revocations;
    let there: Revocations;
    const seen: unknown[] = [];
    const until = Math.round(nowSeconds()) + 3_600;

    beforeAll(async () => {
      medium = await openMedium();
      here = medium.open();
      here.onRevocation(({ user, tokenId, isBlock }) => void seen.push([user, tokenId, isBlock]));
      await here.start();
      there = nodes === 1 ? here : medium.open();
      if (there !== here) await there.start();
    });
    afterAll(async () => {
      await here.close();
      if (there !== here) await there.close();
      await medium[Symbol.asyncDispose]();
    });

    test("[REV1] [REV3] [RV1] what was added counts at once, a block until it is lifted", async () => {
      expect(here.isLoaded).toBe(true);
      const ann = { user: "ann", issuedAt: nowSeconds() - 10, tokenId: "t1" };
      expect(here.judge(ann)).toBeUndefined();
      await here.add({ tokenId: "t1", until });
      expect(here.judge(ann)).toBe("revoked");
      expect(here.judge({ user: "ann", issuedAt: nowSeconds(), tokenId: "t2" })).toBeUndefined();

      await here.add({ user: "bob", isBlock: true, until });
      await here.add({ user: "bob", isBlock: true, until: until + 5 });
      expect(here.judge({ user: "bob" })).toBe("blocked");
      for (const user of ["bob", "bob", "nobody"]) await here.unblock(user);
      expect(here.judge({ user: "bob" })).toBeUndefined();
      await here.add({ user: "bob", isBlock: true, until });
      expect(here.judge({ user: "bob" })).toBe("blocked");

      await here.add({ user: "cid", until });
      expect(here.judge({ user: "cid", issuedAt: nowSeconds() + 2 })).toBeUndefined();
      expect(here.judge({ user: "cid", issuedAt: nowSeconds() })).toBe("revoked");
      expect(seen).toEqual([
        [undefined, "t1", undefined],
        ["bob", undefined, true],
        ["bob", undefined, true],
        ["bob", undefined, true],
        ["cid", undefined, undefined],
      ]);
      expect(here.size).toBe(3);
    });

    test("[RV1] [RV2] the other node knows the same, also what is lifted there", async () => {
      await here.add({ user: "dan", isBlock: true, until });
      await eventually("known there", 5_000, () => there.judge({ user: "dan" }) === "blocked");
      await there.unblock("dan");
      await eventually("lifted here", 5_000, () => here.judge({ user: "dan" }) === undefined);
      expect(there.judge({ user: "dan" })).toBeUndefined();
    });

    test.runIf(nodes === 2)("[RV3] a node that comes knows everything before it is ready", async () => {
      await Promise.all(Array.from({ length: 600 }, (_, index) => here.add({ tokenId: `many-${index}`, until })));
      const late = medium.open();
      expect(late.isLoaded).toBe(false);
      await late.start();
      const known = Array.from({ length: 600 }, (_, index) => late.judge({ user: "x", tokenId: `many-${index}` }));
      expect([late.isLoaded, late.judge({ user: "dan" })]).toEqual([true, undefined]);
      await late.close();
      expect(known.filter((verdict) => verdict === "revoked")).toHaveLength(600);
    });
  });
}
