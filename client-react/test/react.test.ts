import { readFile } from "node:fs/promises";
import { type AnyChannels, createClient } from "@belay/client";
import { ClientProvider } from "@belay/react";
import { callApi, type RunningGateway, startGateway } from "@belay/testkit";
import { type Browser, openBrowser, type PageServer, servePage } from "@belay/testkit/browser";
import { SignJWT } from "jose";
import type { Page } from "playwright-core";
import { createElement, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { Greeting } from "./greeting.ts";

const WITHIN_MS = 20_000;

let gateway: RunningGateway;
let pages: PageServer;
let browser: Browser;

beforeAll(async () => {
  const namespaces = [
    {
      name: "chat",
      presence: true,
      joinLeave: "OnRequest" as const,
      history: { size: 100, ttlSeconds: 600 },
      allow: { publish: "authenticated" as const, history: "authenticated" as const },
    },
  ];
  gateway = await startGateway({ config: { channels: { namespaces } } });
  pages = await servePage(new URL("page.tsx", import.meta.url).pathname);
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await pages?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

interface Opened {
  readonly page: Page;
  /** Frames that the page's sockets have sent, parsed. */
  readonly sent: readonly Readonly<Record<string, unknown>>[];
  readonly sockets: () => number;
}

async function open(user: string, query = ""): Promise<Opened> {
  const secret = new TextEncoder().encode(gateway.hmacSecret);
  const token = await new SignJWT({ sub: user }).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const page = await browser.context.newPage();
  onTestFinished(() => page.close());
  page.setDefaultTimeout(WITHIN_MS);
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  onTestFinished(() => expect(errors).toEqual([]));
  const sent: Record<string, unknown>[] = [];
  let sockets = 0;
  page.on("websocket", (socket) => {
    sockets += 1;
    socket.on("framesent", ({ payload }) => {
      for (const line of String(payload).split("\n")) sent.push(JSON.parse(line) as Record<string, unknown>);
    });
  });
  await page.goto(`${pages.url}?endpoint=${encodeURIComponent(gateway.httpUrl)}&token=${token}${query}`);
  return { page, sent, sockets: () => sockets };
}

function status(page: Page, text: string): Promise<void> {
  return page.getByRole("status").getByText(text).waitFor();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

test("[RCT1] in strict mode there is one socket and one subscription, and two pages chat", async () => {
  const anna = await open("anna");
  await status(anna.page, "connected, subscribed, 1 here");
  await say(anna.page, "before boris");
  const boris = await open("boris");
  await boris.page.getByText("before boris").waitFor();
  await status(anna.page, "2 here");
  await say(boris.page, "hello from boris");
  await anna.page.getByText("hello from boris").waitFor();
  expect(await anna.page.locator("li").allTextContents()).toEqual(["anna before boris", "boris hello from boris"]);
  expect(anna.sockets()).toBe(1);
  expect(anna.sent.filter((command) => "subscribe" in command)).toHaveLength(1);
  await boris.page.getByRole("button", { name: "leave" }).click();
  await status(anna.page, "1 here");
});

test("[RCT2] another channel takes the place of the one before; what is unmounted is left and disconnected", async () => {
  const { page, sent } = await open("clara");
  await status(page, "connected, subscribed, 1 here");
  await say(page, "in red");
  await page.getByText("in red").waitFor();
  await page.getByRole("button", { name: "other room" }).click();
  await page.getByText("in red").waitFor({ state: "detached" });
  await status(page, "connected, subscribed, 1 here");
  expect(sent.filter((command) => "unsubscribe" in command)).toMatchObject([{ unsubscribe: { channel: "chat:red" } }]);
  await callApi(gateway, "publish", { channel: "chat:red", data: { text: "to nobody" } });
  await callApi(gateway, "publish", { channel: "chat:blue", data: { text: "to clara" } });
  await page.getByText("to clara").waitFor();
  expect(await page.getByText("to nobody").count()).toBe(0);
  await page.getByRole("button", { name: "leave" }).click();
  await expect
    .poll(() => callApi(gateway, "presence_stats", { channel: "chat:blue" }), { timeout: WITHIN_MS })
    .toEqual({ result: { num_clients: 0, num_users: 0 } });
});

test("[RCT2] another channel is subscribed with the options that came with it", async () => {
  const { page, sent } = await open("gina", "&tagged");
  await page.locator("#tagged").getByText("red subscribed loaded").waitFor();
  await page.getByRole("button", { name: "other room" }).click();
  await page.locator("#tagged").getByText("blue subscribed loaded").waitFor();
  const asked = sent.flatMap(({ subscribe }) => (subscribe === undefined ? [] : [subscribe]));
  for (const room of ["red", "blue"])
    for (const kind of ["channel", "presence"])
      expect(asked).toContainEqual(expect.objectContaining({ channel: `chat:${kind}-${room}`, data: room }));
});

test("[RCT3] outside of strict mode, too, history is loaded by what is mounted with the provider", async () => {
  await callApi(gateway, "publish", { channel: "chat:red", data: { text: "long ago" } });
  const { page } = await open("hugo", "&archive&loose");
  await page
    .locator("output")
    .getByText(/long ago/)
    .waitFor();
  expect(await page.locator("output").textContent()).toContain("long ago");
});

test("[RCT3] history is loaded once, and again when it is asked for", async () => {
  for (const text of ["one", "two"]) await callApi(gateway, "publish", { channel: "chat:blue", data: { text } });
  const { page } = await open("dora", "&archive");
  await page.getByRole("button", { name: "other room" }).click();
  await page
    .locator("output")
    .getByText(/^two one/)
    .waitFor();
  await callApi(gateway, "publish", { channel: "chat:blue", data: { text: "three" } });
  await page.locator("li").getByText("three").waitFor();
  expect(await page.locator("output").textContent()).toMatch(/^two one/);
  await page.getByRole("button", { name: "again" }).click();
  await page
    .locator("output")
    .getByText(/^three two one/)
    .waitFor();
});

test("[RCT4] a server renders what a page begins with, and opens nothing", () => {
  let opened = 0;
  const environment = { fetch, WebSocket: class extends WebSocket {} };
  const client = createClient({ endpoint: gateway.httpUrl, environment, trace: () => (opened += 1) });
  const tree = createElement(
    StrictMode,
    {},
    createElement(ClientProvider<AnyChannels>, { client }, createElement(Greeting)),
  );
  expect(renderToString(tree)).toBe("<p>disconnected, unsubscribed, 0 publications, 0 clients, loading</p>");
  expect([opened, client.state]).toEqual([0, { name: "disconnected" }]);
});

test("[RCT5] while a slow rendering is under way a channel that grows is never shown in two versions", async () => {
  const { page } = await open("emil", "&crowd");
  await page.locator("#turn").getByText(/[1-9]/).waitFor();
  for (let n = 1; n <= 50; n++) await callApi(gateway, "publish", { channel: "chat:crowd", data: { text: String(n) } });
  await page.locator("li").first().getByText("50").waitFor();
  expect(await page.locator("#torn").textContent()).toBe("0");
});

test("the example in the document is the one that is tested", async () => {
  const [document, example] = await Promise.all(
    ["../../docs/sdk-react.md", "../example/room.tsx"].map((file) => readFile(new URL(file, import.meta.url), "utf8")),
  );
  expect(document).toContain(example);
});
