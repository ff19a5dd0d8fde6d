import { RESOURCES } from "@belay/operator/internal";
import { expect, test } from "vitest";
import { Given } from "./given.ts";

async function channelsOf(given: Given): Promise<unknown> {
  return (await fileOf(given))["channels"];
}

async function fileOf(given: Given): Promise<Readonly<Record<string, unknown>>> {
  const map = await given.read(RESOURCES.configMaps, "chat-config");
  const data = (map?.["data"] ?? {}) as Readonly<Record<string, string>>;
  return JSON.parse(data["gateway.json"] ?? "{}") as Readonly<Record<string, unknown>>;
}

test("[RC12] namespaces go into the file with their defaults, and nothing where there are none", async () => {
  const plain = new Given();
  await plain.cluster({ replicas: 1 });
  await plain.pass();
  expect(await channelsOf(plain)).toBeUndefined();

  const given = new Given();
  const schema = { type: "object", properties: { text: { type: "string" } } };
  await given.cluster({
    replicas: 1,
    namespaces: [{ name: "chat", history: { size: 10, ttlSeconds: 60 }, payload: { schema } }],
    unprefixed: { allow: { subscribe: "none" } },
  });
  await given.pass();
  expect(await channelsOf(given)).toMatchObject({
    unprefixed: { allow: { subscribe: "none", publish: "anonymous" } },
    namespaces: [
      {
        name: "chat",
        allow: { subscribe: "authenticated", publish: "token" },
        history: { size: 10, ttlSeconds: 60 },
        payload: { format: "json", schema },
      },
    ],
  });
});

test("[RC12] inboxes go into the file with their defaults, and nothing where there are none", async () => {
  const plain = new Given();
  await plain.cluster({ replicas: 1 });
  await plain.pass();
  expect(await fileOf(plain)).not.toHaveProperty("inbox");

  const given = new Given();
  await given.cluster({ replicas: 1, inbox: { size: 5 }, namespaces: [{ name: "inbox", inbox: true }] });
  await given.pass();
  expect(await fileOf(given)).toMatchObject({
    inbox: { enabled: true, size: 5, ttlSeconds: 604_800 },
    channels: { namespaces: [{ name: "inbox", inbox: true }] },
  });
});

test("[RC12] what is kept of lost connections goes into the file, and nothing where it is not said", async () => {
  const plain = new Given();
  await plain.cluster({ replicas: 1 });
  await plain.pass();
  expect(await fileOf(plain)).not.toHaveProperty("handover");

  const given = new Given();
  await given.cluster({ replicas: 1, handover: { resumeSeconds: 9 } });
  await given.pass();
  expect(await fileOf(given)).toMatchObject({ handover: { resumeSeconds: 9 } });
});
