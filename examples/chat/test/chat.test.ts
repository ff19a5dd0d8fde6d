import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, startGateway } from "@belay/testkit";
import { jwtVerify } from "jose";
import { expect, onTestFinished, test } from "vitest";
import type { Access } from "../src/access.ts";
import { AccessRefused, type ChatMessage, openChat } from "../src/chat.ts";
import { createChatServer } from "../src/chat-server.ts";
import type { GatewayAddress } from "../src/config.ts";

const secret = "secret-of-the-chat-tests-0123456789";

/** A chat server on a free port; its URL without a path. */
async function startServer(gateway: GatewayAddress, hmac = secret): Promise<string> {
  const assets = await mkdtemp(join(tmpdir(), "belay-chat-"));
  const secretFile = join(assets, "hmac");
  await writeFile(secretFile, `${hmac}\n`);
  await writeFile(join(assets, "page.js"), "page");
  const faults: unknown[] = [];
  const config = { port: 0, secretFile, gateway, assets };
  const server = createChatServer(config, (error) => faults.push(error)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await rm(assets, { recursive: true });
    expect(faults).toEqual([]);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function getAccess(server: string, user: string): Promise<Access> {
  const answer = await fetch(`${server}/token?user=${encodeURIComponent(user)}`);
  if (!answer.ok) throw new AccessRefused(await answer.text());
  return (await answer.json()) as Access;
}

test("a token names the user, lasts an hour, and comes with the gateways' address", async () => {
  const server = await startServer({ port: 30_800 });
  const { url, token } = await getAccess(server, "Ånna_1");
  expect(url).toBe("ws://127.0.0.1:30800/connection/websocket");
  const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(secret));
  expect(protectedHeader.alg).toBe("HS256");
  expect(payload.sub).toBe("Ånna_1");
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3600);
});

test.each(["", "a b", "<b>", "x".repeat(33), "../x"])("the name %j gets no token", async (user) => {
  const server = await startServer({ port: 30_800 });
  const answer = await fetch(`${server}/token?user=${encodeURIComponent(user)}`);
  expect(answer.status).toBe(400);
  expect(await answer.text()).toBe("user must be 1 to 32 letters, digits, - or _");
});

test.each([
  ["GET", "/page.js", 200],
  ["HEAD", "/page.js", 200],
  ["GET", "/healthz", 200],
  ["POST", "/page.js", 405],
  ["GET", "/hmac", 404],
  ["GET", "/constructor", 404],
  ["GET", "/%2e%2e/hmac", 404],
])("%s %s is answered with %i", async (method, path, status) => {
  const server = await startServer({ port: 1 });
  const answer = await fetch(`${server}${path}`, { method });
  await answer.body?.cancel();
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
});

test("two users on one gateway read each other, and learn where they are", async () => {
  await using gateway = await startGateway();
  const server = await startServer({ url: gateway.url }, gateway.hmacSecret);
  const people = await Promise.all(["anna", "boris"].map((user) => enter(server, user)));
  const [anna, boris] = people;
  await anna?.chat.say("hello from anna");
  await boris?.chat.say("hello from boris");
  for (const person of people) {
    await eventually("both messages", 5000, () => person.messages.length >= 2);
    expect(person.messages).toEqual([
      { user: "anna", text: "hello from anna" },
      { user: "boris", text: "hello from boris" },
    ]);
    expect(person.nodes).toHaveLength(1);
  }
  expect(anna?.nodes).toEqual(boris?.nodes);
});

test("a refused name ends before any socket is opened", async () => {
  const server = await startServer({ port: 1 });
  await expect(enter(server, "not a name")).rejects.toThrow(AccessRefused);
});

async function enter(server: string, user: string) {
  const messages: ChatMessage[] = [];
  const states: string[] = [];
  const nodes: string[] = [];
  const chat = await openChat(() => getAccess(server, user), {
    onState: (state) => states.push(state),
    onNode: (node) => nodes.push(node),
    onMessage: (message) => messages.push(message),
  });
  onTestFinished(() => chat.close());
  await eventually("connected", 5000, () => states.at(-1) === "connected");
  return { chat, messages, nodes };
}
