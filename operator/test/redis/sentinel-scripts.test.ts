import { once } from "node:events";
import { connect } from "node:net";
import { eventually } from "@belay/testkit";
import { expect, test } from "vitest";
import { sentinelMembers } from "./sentinel-members.ts";

test("[RS1] six pods that start at once, in any order, have one primary; a lost one is replaced and comes back as a replica", async () => {
  const members = await sentinelMembers();
  await Promise.all(members.all.toReversed().map((each) => each.start()));
  const first = await members.settled(20_000);
  for (const node of members.nodes) expect(await node.isReady(members.probe)).toBe(true);
  await members.store(first, "k", "v");
  await first.kill(false);
  const second = await eventually("another primary", 20_000, async () => {
    const others = members.nodes.filter((node) => node !== first);
    const roles = await Promise.all(others.map((node) => members.role(node)));
    return others[roles.indexOf("master")];
  });
  expect(await second.ask("GET", "k")).toEqual(["v"]);
  await first.start();
  expect(await members.settled(20_000)).toBe(second);
  expect(await first.ask("GET", "k")).toEqual(["v"]);
}, 60_000);

test("[RS2] a primary that is back before it was missed, without data, does not empty those who have some", async () => {
  const members = await sentinelMembers();
  await Promise.all(members.all.map((each) => each.start()));
  const first = await members.settled(30_000);
  await members.store(first, "k", "v");
  await first.kill(false);
  await first.start();
  const second = await members.settled(30_000);
  expect(second).not.toBe(first);
  expect(await first.ask("GET", "k")).toEqual(["v"]);

  for (const each of members.all) await each.kill(false);
  await Promise.all(members.all.map((each) => each.start()));
  const third = await members.settled(30_000);
  expect(await third.ask("DBSIZE")).toEqual(["0"]);
}, 100_000);

test("[RS3] with volumes a restart of everything keeps the data, whoever was primary", async () => {
  const members = await sentinelMembers({ persistent: true });
  await Promise.all(members.all.map((each) => each.start()));
  const first = await members.settled(60_000);
  await members.store(first, "k", "newest");
  for (const each of members.all) await each.kill(true);
  await Promise.all(members.all.map((each) => each.start()));
  const second = await members.settled(60_000);
  expect(await second.ask("GET", "k")).toEqual(["newest"]);
}, 130_000);

test("[RS4] a sentinel that lost its file asks who is primary, and is counted once", async () => {
  const members = await sentinelMembers();
  await Promise.all(members.all.map((each) => each.start()));
  const first = await members.settled(30_000);
  await first.kill(false);
  await eventually("another primary", 30_000, async () => {
    const others = members.nodes.filter((node) => node !== first);
    const roles = await Promise.all(others.map((node) => members.role(node)));
    return roles.includes("master");
  });
  await first.start();
  const second = await members.settled(30_000);
  for (const sentinel of members.sentinels) {
    await sentinel.kill(false);
    await sentinel.start();
    expect(await members.settled(30_000)).toBe(second);
  }
  for (const sentinel of members.sentinels) {
    const seen = await eventually("all sentinels know one another", 20_000, async () => {
      const fields = await sentinel.ask("SENTINEL", "MASTER", "belay");
      const count = fields[fields.indexOf("num-other-sentinels") + 1];
      return count === "2" ? count : undefined;
    });
    expect(seen).toBe("2");
  }
}, 100_000);

test("[RS5] a primary that is to stop has itself replaced first, and sends its clients away", async () => {
  const members = await sentinelMembers();
  await Promise.all(members.all.map((each) => each.start()));
  const first = await members.settled(30_000);
  const client = connect(first.port, "127.0.0.1");
  const sentAway = once(client, "close");
  await first.run(members.stop);
  expect(await members.role(first)).toBe("slave");
  await sentAway;
  expect(await members.settled(30_000)).not.toBe(first);
}, 60_000);
