import { readFile } from "node:fs/promises";
import { createClient } from "@belay/client";
import { callApi, type RunningGateway, startGateway } from "@belay/testkit";
import { type Browser, openBrowser, type PageServer, servePage } from "@belay/testkit/browser";
import { clientPlugin, useChannel, useConnection, useHistory, usePresence } from "@belay/vue";
import { SignJWT } from "jose";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createSSRApp, h } from "vue";
import { renderToString } from "vue/server-renderer";

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
  pages = await servePage(new URL("page.ts", import.meta.url).pathname);
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

test("[VUE1] there is one socket and one subscription, and two pages chat", async () => {
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

test("[VUE2] another channel takes the place of the one before; what is unmounted is left and disconnected", async () => {
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

test("[VUE3] history is loaded once, and again when it is asked for", async () => {
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

test("[VUE4] a server renders what a page begins with, and opens nothing", async () => {
  let opened = 0;
  const client = createClient({ endpoint: gateway.httpUrl, trace: () => (opened += 1) });
  const app = createSSRApp({
    setup() {
      const connection = useConnection();
      const { state, publications } = useChannel("chat:x");
      const { clients } = usePresence("chat:x");
      const { isLoading } = useHistory("chat:x");
      return () =>
        h(
          "p",
          [connection.value.name, state.value, publications.value.length, clients.value.size, isLoading.value].join(),
        );
    },
  }).use(clientPlugin(client));
  expect(await renderToString(app)).toBe("<p>disconnected,unsubscribed,0,0,true</p>");
  expect([opened, client.state]).toEqual([0, { name: "disconnected" }]);
});

test("the example in the document is the one that is tested", async () => {
  const [document, example] = await Promise.all(
    ["../../docs/sdk-vue.md", "../example/room.ts"].map((file) => readFile(new URL(file, import.meta.url), "utf8")),
  );
  expect(document).toContain(example);
});
