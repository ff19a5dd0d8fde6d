import { callApi, eventually, type RunningGateway, startGateway, TcpProxy } from "@belay/testkit";
import { type Browser, openBrowser, type PageServer, servePage } from "@belay/testkit/browser";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

const WITHIN_MS = 30_000;

let gateway: RunningGateway;
let proxy: TcpProxy;
let pages: PageServer;
let browser: Browser;
let page: Page;
/** Each test has a store of its own. */
let visits = 0;

beforeAll(async () => {
  pages = await servePage(new URL("persistent-page.ts", import.meta.url).pathname);
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await pages?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  const unprefixed = { history: { size: 100, ttlSeconds: 600 } };
  gateway = await startGateway({ config: { channels: { unprefixed } } });
  visits += 1;
  page = await browser.context.newPage();
});

afterEach(async () => {
  await page?.close();
  await gateway?.[Symbol.asyncDispose]();
});

/** A page as it is after a visit or a reload; its client speaks through the proxy. */
async function visit(port: number): Promise<void> {
  await page.goto(pages.url);
  await page.evaluate(`page.start("http://127.0.0.1:${port}", "test-${visits}")`);
}

async function open({ url }: { readonly url: string } = gateway): Promise<void> {
  proxy = await TcpProxy.start(Number(new URL(url).port));
  await visit(proxy.port);
}

function say(...texts: readonly string[]): Promise<unknown> {
  return page.evaluate(
    `(async () => { ${texts.map((text) => `page.say(${JSON.stringify(text)});`).join("")} await page.flush(); })()`,
  );
}

function shown(): Promise<readonly string[]> {
  return page.evaluate<readonly string[]>("page.shown()");
}

function connected(): Promise<unknown> {
  return eventually("a connection", WITHIN_MS, () => page.evaluate<string | undefined>("page.transport()"));
}

async function history(): Promise<readonly unknown[]> {
  const answer = await callApi(gateway, "history", { channel: "kept", limit: 100 });
  return (answer as { result: { publications: readonly { data: unknown }[] } }).result.publications.map(
    ({ data }) => data,
  );
}

test("[PER1] what was said without a connection is published by the next page, once and in order", async () => {
  await open();
  await connected();
  proxy.cut();
  await eventually("the loss", WITHIN_MS, async () => (await page.evaluate("page.transport()")) === undefined);
  await say("one", "two", "three");
  proxy.mend();
  await visit(proxy.port);
  await say("four");
  await eventually("four publications", WITHIN_MS, async () => (await history()).length >= 4);
  await eventually("shown", WITHIN_MS, async () => (await shown()).length >= 4);
  expect(await history()).toEqual(["one", "two", "three", "four"]);
  expect(await shown()).toEqual(["one", "two", "three", "four"]);
  await visit(proxy.port);
  await connected();
  expect(await history()).toHaveLength(4);
});

test("[PER1] what was published and not answered before the page ended is in the channel once", async () => {
  await open();
  await connected();
  expect(proxy.swallowReplies("GET /connection/websocket")).toBe(1);
  await say("one", "two");
  await eventually("both are published", WITHIN_MS, async () => (await history()).length === 2);
  await visit(proxy.port);
  await connected();
  await say("three");
  await eventually("a third", WITHIN_MS, async () => (await history()).length > 2);
  expect(await history()).toEqual(["one", "two", "three"]);
});

test("[PER2] a subscription that is resumed goes on where the page before left off", async () => {
  await open();
  await connected();
  await say("one", "two");
  await eventually("both", WITHIN_MS, async () => (await shown()).length === 2);
  await page.evaluate("page.flush()");
  await page.goto("about:blank");
  for (const data of ["three", "four"]) await callApi(gateway, "publish", { channel: "kept", data });
  await visit(proxy.port);
  await eventually("what was missed", WITHIN_MS, async () => (await shown()).length >= 2);
  expect(await shown()).toEqual(["three", "four"]);
});

test("[PER2] what cannot be had any more is told as a reset", async () => {
  await open();
  await connected();
  await say("one");
  await eventually("the first", WITHIN_MS, async () => (await shown()).length === 1);
  await page.evaluate("page.flush()");
  await page.goto("about:blank");
  await callApi(gateway, "publish", { channel: "kept", data: "two" });
  await callApi(gateway, "history_remove", { channel: "kept" });
  await visit(proxy.port);
  await eventually("a reset", WITHIN_MS, async () => (await shown()).length >= 1);
  expect(await shown()).toEqual([expect.stringMatching(/^reset: /)]);
});

test("[PER3] the transport that works is remembered: the next page does not try the other first", async () => {
  await using old = await startGateway({ config: { transports: { enabled: ["http_stream", "sse"] } } });
  await open(old);
  await connected();
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  await visit(proxy.port);
  expect(await connected()).toBe("http_stream");
  expect(sockets).toBe(0);
});
