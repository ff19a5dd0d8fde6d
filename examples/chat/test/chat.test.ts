import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, startGateway, TcpProxy } from "@belay/testkit";
import { jwtVerify } from "jose";
import { expect, onTestFinished, test } from "vitest";
import type { Access } from "../src/access.ts";
import { AccessRefused, type Connection, openChat } from "../src/chat.ts";
import { createChatServer } from "../src/chat-server.ts";
import type { GatewayAddress } from "../src/config.ts";
import type { Delivery } from "../src/delivery.ts";
import { chatConfig } from "./gateway-config.ts";

const WITHIN_MS = 20_000;

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

test("two users in one room read each other, see who is there and who types, and learn where they are", async () => {
  await using gateway = await startGateway({ config: chatConfig });
  const server = await startServer({ url: gateway.url }, gateway.hmacSecret);
  const anna = await enter(server, "anna");
  const boris = await enter(server, "boris");
  await anna.chat.say("hello from anna");
  await boris.chat.say("hello from boris");
  boris.chat.type();
  for (const person of [anna, boris]) {
    await eventually("both messages", WITHIN_MS, () => person.messages.length === 2);
    expect(person.messages).toEqual(["anna: hello from anna", "boris: hello from boris"]);
    await eventually("both are here", WITHIN_MS, () => person.people.join() === "anna,boris");
    await eventually("boris types", WITHIN_MS, () => person.typists.includes("boris"));
    expect(person.connection).toMatchObject({ state: "connected", transport: "websocket", waiting: 0 });
    expect(person.delivery).toMatchObject({ shown: 2, lost: 0, duplicated: 0 });
  }
  expect(anna.connection?.pod).toBe(boris.connection?.pod);
});

test("what was said before is there, and another room is another room", async () => {
  await using gateway = await startGateway({ config: chatConfig });
  const server = await startServer({ url: gateway.url }, gateway.hmacSecret);
  const anna = await enter(server, "anna");
  await anna.chat.say("early");
  const boris = await enter(server, "boris");
  await eventually("the history", WITHIN_MS, () => boris.messages.join() === "anna: early");
  boris.chat.enter("tea");
  await eventually("an empty room", WITHIN_MS, () => boris.messages.length === 0 && boris.people.join() === "boris");
  await boris.chat.say("in tea");
  await eventually("the own message", WITHIN_MS, () => boris.messages.join() === "boris: in tea");
  expect(anna.messages).toEqual(["anna: early"]);
});

test("what is said while the connection is gone arrives once, in order, and nothing is lost", async () => {
  await using gateway = await startGateway({ config: chatConfig });
  const proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
  const anna = await enter(await startServer({ url: gateway.url }, gateway.hmacSecret), "anna");
  const away = gateway.url.replace(/:\d+/, `:${proxy.port}`);
  const boris = await enter(await startServer({ url: away }, gateway.hmacSecret), "boris");
  await boris.chat.say("1");
  proxy.cut();
  await eventually("the loss", WITHIN_MS, () => boris.connection?.state === "reconnecting");
  const said = ["2", "3", "4"].map((text) => boris.chat.say(text));
  await eventually("three wait", WITHIN_MS, () => boris.connection?.waiting === 3);
  await anna.chat.say("meanwhile");
  proxy.mend();
  await Promise.all(said);
  const all = ["boris: 1", "anna: meanwhile", "boris: 2", "boris: 3", "boris: 4"];
  for (const person of [anna, boris]) {
    await eventually("all five", WITHIN_MS, () => person.messages.length === 5);
    expect(person.messages).toEqual(all);
    expect(person.delivery).toMatchObject({ lost: 0, duplicated: 0 });
  }
});

test("a refused name ends before any socket is opened", async () => {
  const server = await startServer({ port: 1 });
  await expect(enter(server, "not a name")).rejects.toThrow(AccessRefused);
});

async function enter(server: string, user: string) {
  const seen = {
    messages: [] as readonly string[],
    people: [] as readonly string[],
    typists: [] as string[],
    connection: undefined as Connection | undefined,
    delivery: undefined as Delivery | undefined,
  };
  const chat = await openChat(() => getAccess(server, user), {
    onConnection: (connection) => (seen.connection = connection),
    onMessages: (messages) => (seen.messages = messages.map(({ info, data }) => `${info?.user ?? ""}: ${data.text}`)),
    onPeople: (users) => (seen.people = users),
    onTyping: (typist) => seen.typists.push(typist),
    onDelivery: (delivery) => (seen.delivery = delivery),
  });
  onTestFinished(() => chat.close());
  chat.enter("lobby");
  await eventually("in the room", WITHIN_MS, () => seen.people.includes(user));
  return Object.assign(seen, { chat });
}
