import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadReport } from "@belay/protocol/control";
import { callApi, callControl, eventually, startGateway, startRedis } from "@belay/testkit";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";

test("[BR40] another password in the URL's file counts for the next connection, and is reported before that", async () => {
  await using server = await startRedis({ password: "old" });
  const directory = await mkdtemp(join(tmpdir(), "belay-password-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const urlFile = join(directory, "url");
  await writeFile(urlFile, server.url);
  await using gateway = await startGateway({ config: { broker: { type: "redis", urlFile, prefix: "test:" } } });
  const publish = async (): Promise<boolean> => {
    const answer = await callApi(gateway, "publish", { channel: "news", data: {} });
    return !JSON.stringify(answer).includes('"error"');
  };
  await eventually("publishes", 10_000, publish);

  const admin = new Redis({ port: server.port, password: "old", lazyConnect: true });
  onTestFinished(() => admin.disconnect());
  await admin.connect();
  await admin.call("ACL", "SETUSER", "default", ">new");
  await writeFile(urlFile, `${server.url.replace("old", "new")}#2`);
  await eventually("reports the new one", 10_000, async () => {
    const answer = await callControl(gateway, "/load");
    return ((await answer.json()) as LoadReport).config?.redisVersion === "2";
  });
  await admin.call("ACL", "SETUSER", "default", "<old");
  expect(await publish()).toBe(true);

  const before = Number(/total_connections_received:(\d+)/.exec(await admin.info("stats"))?.[1]);
  await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
  await eventually("connected anew", 10_000, async () => {
    const now = Number(/total_connections_received:(\d+)/.exec(await admin.info("stats"))?.[1]);
    return now > before;
  });
  await eventually("publishes again", 10_000, publish);
});
