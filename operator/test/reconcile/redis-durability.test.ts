import { RESOURCES } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { Given } from "./given.ts";

async function brokerOf(given: Given): Promise<unknown> {
  const map = await given.read(RESOURCES.configMaps, "chat-config");
  const data = (map?.["data"] ?? {}) as Readonly<Record<string, string>>;
  return (JSON.parse(data["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>)["broker"];
}

test("[RC17] durability goes into the file where it is set, and nowhere else", async () => {
  const external = { type: "external", urlSecretRef: { name: "redis-url", key: "url" } };
  const plain = new Given();
  await plain.cluster({ replicas: 1, redis: external });
  await plain.pass();
  expect(await brokerOf(plain)).not.toHaveProperty("durability");
  const given = new Given();
  await given.cluster({ replicas: 1, redis: { ...external, durability: "replicated" } });
  await given.pass();
  expect(await brokerOf(given)).toMatchObject({ type: "redis", durability: "replicated" });
});
