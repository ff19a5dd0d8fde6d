import { expect, test } from "vitest";
import { parseConfig } from "../config.ts";
import { readTopology, type TopologyFiles } from "./read-topology.ts";

/** Every file holds `what <path> holds`, but for those given. */
function filesWith(texts: Readonly<Record<string, string>>): TopologyFiles {
  const read = (_key: string, path: string | undefined): Promise<string | undefined> =>
    Promise.resolve(path === undefined ? undefined : (texts[path] ?? `what ${path} holds`));
  return { problems: [], secret: read, certificates: read };
}

async function topologyFor(broker: object, texts: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const parsed = parseConfig(JSON.stringify({ broker }));
  if (!parsed.ok) return parsed.problems;
  const files = filesWith(texts);
  const topology = await readTopology(files, parsed.config.broker);
  return files.problems.length > 0 ? files.problems : topology;
}

const sentinel = {
  type: "redis",
  mode: "sentinel",
  sentinels: [{ host: "a" }, { host: "b", port: 7 }],
  masterName: "m",
};

const cluster = { type: "redis", mode: "cluster", nodes: [{ host: "a" }] };

test.for([
  {
    broker: { type: "redis", urlFile: "/url" },
    topology: { mode: "standalone", address: { host: "cache", port: 6379, db: 0, tls: { servername: "cache" } } },
  },
  {
    broker: { type: "redis", mode: "standalone", urlFile: "/url", caFile: "/ca" },
    topology: { mode: "standalone", address: { tls: { servername: "cache", ca: "what /ca holds" } } },
  },
  {
    broker: sentinel,
    topology: {
      mode: "sentinel",
      sentinels: [
        { host: "a", port: 26_379 },
        { host: "b", port: 7 },
      ],
      masterName: "m",
      login: {},
      sentinelLogin: {},
    },
  },
  {
    broker: {
      ...sentinel,
      usernameFile: "/u",
      passwordFile: "/p",
      sentinelPasswordFile: "/s",
      tls: true,
      caFile: "/ca",
    },
    topology: {
      login: { username: "what /u holds", password: "what /p holds", tls: { ca: "what /ca holds" } },
      sentinelLogin: { password: "what /s holds" },
    },
  },
])(
  "[TP1] where Redis is, and how to log in, is what the configuration and its files say: $broker",
  async ({ broker, topology }) => {
    expect(await topologyFor(broker, { "/url": "rediss://cache" })).toMatchObject(topology);
  },
);

test.for([
  [{ type: "redis" }, /^broker.urlFile must be a path/],
  [{ type: "redis", mode: "ring", urlFile: "/url" }, /^broker.mode must be "standalone"/],
  [{ type: "redis", urlFile: "/url", masterName: "m" }, /^broker.masterName must be a known key/],
  [{ type: "redis", urlFile: "/url", caFile: "/ca" }, /^broker.caFile must be left out where the URL is redis:/],
  [{ type: "redis", urlFile: "/bad" }, /^broker.urlFile must hold a URL that can be used .*, was: \/bad$/],
  [{ ...sentinel, sentinels: [] }, /^broker.sentinels must be a list of 1 to 16 nodes/],
  [{ ...sentinel, sentinels: [{ host: "a b" }] }, /^broker.sentinels.0.host must be a host/],
  [{ ...sentinel, sentinels: [{ host: "a", port: 0 }] }, /^broker.sentinels.0.port must be an integer from 1 to 65535/],
  [{ ...sentinel, masterName: "" }, /^broker.masterName must be a name/],
  [{ ...sentinel, usernameFile: "/u" }, /^broker.passwordFile must be given with usernameFile/],
  [{ ...sentinel, sentinelUsernameFile: "/u" }, /^broker.sentinelPasswordFile must be given/],
  [{ ...cluster, nodes: [] }, /^broker.nodes must be a list of 1 to 64 nodes/],
  [{ ...cluster, masterName: "m" }, /^broker.masterName must be a known key/],
  [{ ...sentinel, caFile: "/ca" }, /^broker.tls must be true where there is a caFile/],
] as const)("[TP1] %j is refused", async ([broker, problem]) => {
  const problems = await topologyFor(broker, { "/url": "redis://cache", "/bad": "redis://secret@/" });
  expect(problems).toEqual([expect.stringMatching(problem)]);
  expect(String(problems)).not.toContain("secret");
});
