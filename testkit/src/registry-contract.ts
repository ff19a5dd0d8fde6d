import type { Owner, Ownership, Registry, RegistryEntry } from "@belay/gateway/internal";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";

/** What a registry is made on, for the contract. */
export interface RegistryMedium extends AsyncDisposable {
  /** A registry that is not started. */
  open(podUid: string, revision: string): Registry;
}

export interface RegistrySubject {
  readonly name: string;
  /** Nodes that can share the medium; with 1, both ends of every test are the same registry. */
  readonly nodes: 1 | 2;
  readonly openMedium: () => Promise<RegistryMedium>;
}

/** Every registry keeps these rules; docs/redis.md tells them in words. */
export function registryContract({ name, nodes, openMedium }: RegistrySubject): void {
  describe(`registry: ${name}`, () => {
    let medium: RegistryMedium;
    let here: Registry;
    let there: Registry;
    let counter = 0;
    const fresh = (): string => `u${(counter += 1)}`;

    beforeAll(async () => {
      medium = await openMedium();
      here = medium.open("pod-here", "r1");
      await here.start();
      there = here;
      if (nodes === 1) return;
      there = medium.open("pod-there", "r2");
      await there.start();
    });

    afterAll(async () => {
      await here.close();
      if (there !== here) await there.close();
      await medium[Symbol.asyncDispose]();
    });

    test("[RG1] an entry is found from every node once it was added, under its own pod", async () => {
      const user = fresh();
      await here.add({ user, client: "c1" });
      const owner = { client: "c1", podUid: "pod-here" };
      expect(await there.owners(user)).toEqual([owner]);
      expect(await here.owners(user)).toEqual([owner]);
    });

    test("[RG2] flush resolves when everything queued is written", async () => {
      const user = fresh();
      const added = Array.from({ length: 300 }, (_, index) => `c${index}`);
      for (const client of added) void here.add({ user, client });
      await here.flush(5_000);
      expect(clients(await there.owners(user))).toEqual(added.toSorted());
    });

    test("[RG3] a removed entry is gone, the user's others stay; what was never added can be removed", async () => {
      const user = fresh();
      void here.add({ user, client: "stays" });
      void here.add({ user, client: "goes" });
      await here.flush(2_000);
      here.remove({ user, client: "goes" });
      here.remove({ user, client: "never" });
      await here.flush(2_000);
      expect(clients(await there.owners(user))).toEqual(["stays"]);
    });

    test("[RG3] the last of add and remove in one turn counts", async () => {
      const user = fresh();
      void here.add({ user, client: "a" });
      here.remove({ user, client: "a" });
      void here.add({ user, client: "b" });
      here.remove({ user, client: "b" });
      void here.add({ user, client: "b" });
      await here.flush(2_000);
      expect(clients(await there.owners(user))).toEqual(["b"]);
      here.remove({ user, client: "b" });
      void here.add({ user, client: "b" });
      here.remove({ user, client: "b" });
      await here.flush(2_000);
      expect(await there.owners(user)).toEqual([]);
    });

    test("[RG4] users nobody has heard of have no owners, whatever their name", async () => {
      for (const user of ["nobody", "", "a}b{c", "{tag}u:x", "ü 👋", "a b\nc"])
        expect(await here.owners(user)).toEqual([]);
    });

    test("[RG4] names pass as they are", async () => {
      for (const user of ["", "a}b{c", "{tag}u:x", "ü 👋", "a b\nc", "__proto__"]) {
        void here.add({ user, client: `client of ${user}` });
        await here.flush(2_000);
        expect(clients(await there.owners(user))).toEqual([`client of ${user}`]);
        here.remove({ user, client: `client of ${user}` });
      }
    });

    test("[RG5] live nodes are listed with their revision until they close; their entries go with them", async () => {
      const revisionsBefore = (await here.liveNodes()).map(({ podUid, revision }) => `${podUid} ${revision}`);
      expect(revisionsBefore).toContain("pod-here r1");
      const guest = nodes === 1 ? here : medium.open("pod-guest", "r3");
      const user = fresh();
      if (guest !== here) await guest.start();
      void guest.add({ user, client: "c" });
      await guest.flush(2_000);
      expect(clients(await guest.owners(user))).toEqual(["c"]);
      await guest.close();
      if (guest === here) await here.start();
      expect(await here.owners(user)).toEqual([]);
      await eventually(
        "the guest is gone",
        5_000,
        async () => !(await here.liveNodes()).some(({ podUid }) => podUid === "pod-guest"),
      );
    });

    test("[RG20] a claim is granted while the user has fewer others than the limit, and names who holds the places otherwise", async () => {
      const user = fresh();
      const claim = async (registry: Registry, client: string, limit: number, notCounted: readonly string[] = []) =>
        registry.claim({ user, client, limit, notCounted });
      expect(await claim(here, "a", 2)).toEqual({ isGranted: true });
      expect(await claim(there, "b", 2)).toEqual({ isGranted: true });
      expect(clients(await there.owners(user))).toEqual(["a", "b"]);
      const refused = await claim(there, "c", 2);
      expect(refused.isGranted ? [] : clients(refused.holders)).toEqual(["a", "b"]);
      // Who is there already needs no second place.
      expect(await claim(here, "a", 2)).toEqual({ isGranted: true });
      expect(await claim(there, "c", 2, ["a"])).toEqual({ isGranted: true });
      there.remove({ user, client: "b" });
      there.remove({ user, client: "c" });
      await there.flush(2_000);
      expect(await claim(there, "d", 2)).toEqual({ isGranted: true });
      here.remove({ user, client: "a" });
      there.remove({ user, client: "d" });
      await Promise.all([here.flush(2_000), there.flush(2_000)]);
      expect(await here.owners(user)).toEqual([]);
    });

    test("[RG20] of those who claim at once so many are granted as there are places", async () => {
      const user = fresh();
      const claims = await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          (n % 2 === 0 ? here : there).claim({ user, client: `c${n}`, limit: 7, notCounted: [] }),
        ),
      );
      expect(claims.filter(({ isGranted }) => isGranted)).toHaveLength(7);
      expect(await here.owners(user)).toHaveLength(7);
    });

    const held = async (registry: Registry, client: string): Promise<{ entry: RegistryEntry; from: Ownership }> => {
      const entry = { user: fresh(), client };
      void registry.add(entry);
      await registry.flush(2_000);
      const from = registry.transfers.ownership(entry);
      if (from === undefined) throw new Error("the entry is not written");
      return { entry, from };
    };

    test("[RG25] an entry goes to the pod that has reserved and commits it, once; the first owner lets go of nothing but its own", async () => {
      const { entry, from } = await held(here, "moves");
      expect(await there.transfers.reserve(entry, from)).toBe(true);
      expect(await here.owners(entry.user)).toEqual([{ client: "moves", podUid: "pod-here" }]);
      const { podUids } = await here.podsOf(entry.user);
      expect(podUids.toSorted()).toEqual(nodes === 1 ? ["pod-here"] : ["pod-here", "pod-there"]);
      expect(await there.transfers.commit(entry, from)).toBe("taken");
      expect(await there.transfers.commit(entry, from)).toBe("taken");
      expect(await here.transfers.reclaim(entry, from)).toBe("lost");
      here.transfers.letGo(entry, from);
      await here.flush(2_000);
      expect(clients(await here.owners(entry.user))).toEqual(["moves"]);
      expect(there.transfers.ownership(entry)?.generation).toBe(from.generation + 1);
      expect(await here.transfers.reserve(entry, from)).toBe(false);
      there.remove(entry);
      await there.flush(2_000);
      expect(await here.owners(entry.user)).toEqual([]);
    });

    test("[RG25] what the owner has reclaimed nobody commits; it may leave again", async () => {
      const { entry, from } = await held(here, "stays");
      expect(await there.transfers.reserve(entry, from)).toBe(true);
      expect(await here.transfers.reclaim(entry, from)).toBe("kept");
      expect(await here.transfers.reclaim(entry, from)).toBe("kept");
      expect(await there.transfers.commit(entry, from)).toBe("lost");
      expect(await there.transfers.reserve(entry, from)).toBe(false);
      await there.transfers.release(entry, from);
      const again = here.transfers.ownership(entry);
      if (again === undefined) throw new Error("the owner does not hold it");
      expect(await there.transfers.reserve(entry, again)).toBe(true);
      expect(await there.transfers.commit(entry, again)).toBe("taken");
      there.remove(entry);
      await there.flush(2_000);
      expect(await here.owners(entry.user)).toEqual([]);
    });

    test("[RG25] a reservation that was taken back is none, and what its owner removed is nobody's", async () => {
      const { entry, from } = await held(here, "waits");
      expect(await there.transfers.commit(entry, from)).toBe("lost");
      await there.transfers.reserve(entry, from);
      await there.transfers.release(entry, from);
      expect(await there.transfers.commit(entry, from)).toBe("lost");
      expect((await here.podsOf(entry.user)).podUids).toEqual(["pod-here"]);
      await there.transfers.reserve(entry, from);
      here.remove(entry);
      await here.flush(2_000);
      expect(await there.transfers.commit(entry, from)).toBe("lost");
      expect(await here.owners(entry.user)).toEqual([]);
      expect(await here.transfers.reclaim(entry, from)).toBe("gone");
      expect(await here.owners(entry.user)).toEqual([]);
    });

    const testTwo: typeof test | (() => void) = nodes === 2 ? test : () => undefined;
    testTwo("[RG25] without its former owner's lease a client is the next one's alone", async () => {
      const guest = medium.open("pod-moving", "r3");
      await guest.start();
      const { entry, from } = await held(guest, "left");
      expect(await there.transfers.reserve(entry, from)).toBe(true);
      await guest.close();
      expect(await there.transfers.commit(entry, from)).toBe("added");
      expect(await here.owners(entry.user)).toEqual([{ client: "left", podUid: "pod-there" }]);
    });

    test("[RG25] a client in a handover counts once for its user's limit", async () => {
      const { entry, from } = await held(here, "one");
      await there.transfers.reserve(entry, from);
      const claim = (client: string) => there.claim({ user: entry.user, client, limit: 2, notCounted: [] });
      expect(await claim("two")).toEqual({ isGranted: true });
      expect((await claim("three")).isGranted).toBe(false);
      await there.transfers.commit(entry, from);
      expect((await claim("three")).isGranted).toBe(false);
    });

    test("[RG6] a started registry holds its lease", () => {
      expect([here.leaseHeld, there.leaseHeld]).toEqual([true, true]);
    });
  });
}

function clients(owners: readonly Owner[]): readonly string[] {
  return owners.map(({ client }) => client).toSorted();
}
