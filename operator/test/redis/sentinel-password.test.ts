import { eventually } from "@belay/testkit";
import { expect, test } from "vitest";
import { redisAdmin } from "../../src/apply/redis-admin.ts";
import { FIRST_PASSWORD, type Member, type Members, sentinelMembers } from "./sentinel-members.ts";

const OLD = FIRST_PASSWORD;
const NEW = "another-secret";

async function forAll(
  members: Members,
  tell: (server: Parameters<typeof redisAdmin.setPasswords>[0]) => Promise<void>,
): Promise<void> {
  for (const each of members.all)
    await tell(Object.assign({ ip: "127.0.0.1", isSentinel: members.sentinels.includes(each) }, { port: each.port }));
}

/** As a container that crashes: it begins anew with what its pod has of the Secret. */
async function restart(member: Member | undefined): Promise<void> {
  await member?.kill(false);
  await member?.start();
}

async function refusesOld(member: Member): Promise<boolean> {
  return (await member.ask("AUTH", "default", OLD)).join(" ").includes("WRONGPASS");
}

test("[RS10] with Sentinel: through every step, and restarts between them, there is a primary whom all follow, and at the end the old one counts nowhere", async () => {
  const members = await sentinelMembers();
  await Promise.all(members.all.map((each) => each.start()));
  const first = await members.settled(30_000);
  await members.store(first, "k", "v");
  const [replica] = members.nodes.filter((node) => node !== first);

  await forAll(members, (server) => redisAdmin.setPasswords(server, [OLD, NEW], [OLD, NEW]));
  await forAll(members, (server) => redisAdmin.useForOthers(server, NEW, [NEW]));
  // Some have the Secret's new state when they start, some do not yet.
  await restart(members.sentinels[0]);
  await members.secret.write([NEW, OLD]);
  await restart(members.sentinels[1]);
  await restart(replica);
  expect(await members.settled(30_000)).toBe(first);

  await forAll(members, (server) => redisAdmin.useForOthers(server, NEW, [NEW, OLD]));
  await forAll(members, (server) => redisAdmin.setPasswords(server, [NEW], [NEW, OLD]));
  await members.secret.write([NEW]);
  expect(await members.settled(30_000)).toBe(first);
  await expect(Promise.all(members.all.map(refusesOld))).resolves.toEqual(members.all.map(() => true));
  expect(await first.isReady(members.probe)).toBe(true);

  await first.kill(false);
  await eventually("another primary", 30_000, async () => {
    const roles = await Promise.all(members.nodes.filter((node) => node !== first).map((node) => members.role(node)));
    return roles.includes("master");
  });
  await first.start();
  const second = await members.settled(30_000);
  expect(await second.ask("GET", "k")).toEqual(["v"]);
}, 120_000);
