import { expect, test } from "vitest";
import { followed } from "./followed-topology.ts";
import { newestLogin, nodeOf, type RedisTopology } from "./redis-topology.ts";

const address = { host: "a", port: 6379, db: 0, username: "u", password: "old", tls: { servername: "a" } };
const alone: RedisTopology = { mode: "standalone", address };
const login = { password: "old" };
const watched = {
  mode: "sentinel",
  sentinels: [{ host: "s", port: 1 }],
  masterName: "main",
  login,
  sentinelLogin: {},
} as const;
const shards = { mode: "cluster", nodes: [{ host: "n", port: 1 }], login } as const;

test.for<[string, RedisTopology, RedisTopology | undefined, unknown]>([
  [
    "a URL: user, password and authorities, never the address",
    alone,
    {
      mode: "standalone",
      address: { host: "b", port: 1, db: 0, password: "new", tls: { servername: "b", ca: "pem" } },
    },
    { password: "new", tls: { servername: "a", ca: "pem" } },
  ],
  ["a URL that has become sentinels: nothing", alone, watched, address],
  ["sentinels", watched, { ...watched, login: { password: "new" } }, { password: "new" }],
  ["sentinels of another primary: nothing", watched, { ...watched, masterName: "x", login: {} }, login],
  ["a cluster", shards, { ...shards, login: {} }, {}],
  ["a cluster whose file is gone: nothing", shards, undefined, login],
])("[BR40] what the files say now counts where it is the same Redis: %s", ([, topology, now, expected]) => {
  expect(newestLogin(followed(topology, () => now))).toEqual(expected);
});

function newest(topology: RedisTopology, now: RedisTopology): unknown {
  const seen = followed(topology, () => now);
  return seen.mode === "standalone" ? undefined : seen.newest?.();
}

test("[BR40] lists of sentinels and of nodes are the newest", () => {
  const nodes = [{ host: "other", port: 2 }];
  expect(newest(shards, { ...shards, nodes })).toMatchObject({ nodes });
  expect(newest(watched, { ...watched, sentinels: nodes })).toMatchObject({ sentinels: nodes });
});

test("[BR40] a node that others name is logged in to as all of them, also when that has changed", () => {
  let now: RedisTopology = shards;
  const node = nodeOf(
    "[::1]:7000",
    followed(shards, () => now),
  );
  expect(node).toMatchObject({ address: { host: "::1", port: 7000, db: 0, password: "old" } });
  now = { ...shards, login: { username: "u", password: "new" } };
  expect(newestLogin(node)).toEqual({ username: "u", password: "new" });
});
