import { once } from "node:events";
import { copyFile, mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningGateway, startGateway, TcpProxy } from "@belay/testkit";
import { type Browser, bundlePage, openBrowser } from "@belay/testkit/browser";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createChatServer } from "../src/chat-server.ts";
import { chatConfig } from "./gateway-config.ts";

const WITHIN_MS = 30_000;

let gateway: RunningGateway;
let browser: Browser;
let script: string;

beforeAll(async () => {
  gateway = await startGateway({ config: chatConfig });
  script = await bundlePage(new URL("../src/page.ts", import.meta.url).pathname);
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]();
  await gateway?.[Symbol.asyncDispose]();
});

/** The chat's own server, whose pages find the gateway at `url`; its address. */
async function startServer(url: string): Promise<string> {
  const assets = await mkdtempDisposable(join(tmpdir(), "belay-chat-"));
  await mkdir(join(assets.path, "public"));
  await copyFile(new URL("../public/index.html", import.meta.url), join(assets.path, "public/index.html"));
  await writeFile(join(assets.path, "page.js"), script);
  const secretFile = join(assets.path, "hmac");
  await writeFile(secretFile, gateway.hmacSecret);
  const faults: unknown[] = [];
  const server: Server = createChatServer({ port: 0, secretFile, gateway: { url }, assets: assets.path }, (fault) =>
    faults.push(fault),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await assets.remove();
    expect(faults).toEqual([]);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function open(server: string, user: string, query = ""): Promise<Page> {
  const page = await browser.context.newPage();
  page.setDefaultTimeout(WITHIN_MS);
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  onTestFinished(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });
  await page.goto(`${server}?user=${user}${query}`);
  await page.locator("#state[data-state=connected]").waitFor();
  return page;
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

/** Waits until the element's text is this. */
async function shows(page: Page, selector: string, text: string): Promise<void> {
  await expect.poll(() => page.locator(selector).textContent(), { timeout: WITHIN_MS }).toBe(text);
}

test("two windows: rooms, who is here, who types, what was said before, and the pod", async () => {
  const server = await startServer(gateway.url);
  const anna = await open(server, "anna");
  await say(anna, "<b>before</b>");
  const boris = await open(server, "boris");
  await shows(boris, "#messages li", "anna<b>before</b>");
  for (const page of [anna, boris]) await shows(page, "#people", "anna, boris");
  await boris.getByLabel("Message").pressSequentially("hm");
  await shows(anna, "#typing", "boris typing");
  await shows(anna, "#typing", "");
  expect(await anna.locator("#pod").textContent()).toBe(gateway.podUid);
  expect(await anna.locator("#transport").textContent()).toBe("websocket");
  await boris.getByRole("button", { name: "tea" }).click();
  await shows(anna, "#people", "anna");
  await shows(boris, "#people", "boris");
  await boris.locator("#messages li").waitFor({ state: "detached" });
});

test("a window whose connection is cut says so, keeps what is said, and nothing is lost or twice", async () => {
  const proxy = await TcpProxy.start(Number(new URL(gateway.url).port));
  const anna = await open(await startServer(gateway.url), "anna");
  const boris = await open(await startServer(`ws://127.0.0.1:${proxy.port}/connection/websocket`), "boris");
  for (const page of [anna, boris]) await page.getByRole("button", { name: "work" }).click();
  for (const page of [anna, boris]) await shows(page, "#people", "anna, boris");
  await say(boris, "one");
  await anna.getByText("one").waitFor();
  proxy.cut();
  await boris.locator("#state[data-state=reconnecting]").waitFor();
  for (const text of ["two", "three"]) await say(boris, text);
  await shows(boris, "#waiting", "2 on the way");
  await say(anna, "meanwhile");
  proxy.mend();
  for (const page of [anna, boris]) {
    await expect
      .poll(() => page.locator("#messages li").allTextContents(), { timeout: WITHIN_MS })
      .toEqual(["borisone", "annameanwhile", "boristwo", "boristhree"]);
    expect(await page.locator("#lost").textContent()).toBe("0");
    expect(await page.locator("#duplicated").textContent()).toBe("0");
    expect(await page.locator("#shown").textContent()).toBe("4");
  }
  await shows(boris, "#waiting", "");
});

test("[OVL1] the overlay shows what the client does", async () => {
  const page = await open(await startServer(gateway.url), "anna", "&overlay");
  const overlay = page.locator("belay-overlay");
  await overlay.getByText("2 of 2 subscribed").waitFor();
  const text = (await overlay.locator("details").textContent()) ?? "";
  expect(text).toMatch(new RegExp(`^connectedpod${gateway.podUid}transportwebsocketconnect, reply\\d+ ms, \\d+ ms`));
  expect(text).toContain("connections1, 0 without a break");
  expect(text).toContain("gaps, resets0, 0");
  expect(text).toContain("publishes0 unacknowledged, 0 waiting");
});
