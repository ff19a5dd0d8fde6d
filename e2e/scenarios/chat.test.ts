import { mkdir } from "node:fs/promises";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { openBrowser } from "@belay/testkit/browser";
import { eventually } from "../eventually.ts";
import { chatPageUrl } from "../images.ts";

test("two pages on different pods chat both ways", async () => {
  const address = await chatPageUrl();
  await using browser = await openBrowser();
  const anna = await browser.context.newPage();
  await anna.goto(`${address}?user=anna`);
  const annasPod = await podOf(anna);

  // The Service spreads new sockets at random: a page is loaded again until it has the other pod.
  const boris = await browser.context.newPage();
  const { value: borisPod } = await eventually("a page on the other pod", { withinMs: 60_000 }, async () => {
    await boris.goto(`${address}?user=boris`);
    const pod = await podOf(boris);
    return pod === annasPod ? undefined : pod;
  });

  await say(anna, "hello from anna");
  await boris.locator("#messages").getByText("hello from anna").waitFor();
  await say(boris, "hello from boris");
  await anna.locator("#messages").getByText("hello from boris").waitFor();
  expect(borisPod).not.toBe(annasPod);
  await mkdir("artifacts", { recursive: true });
  await anna.screenshot({ path: "artifacts/chat-anna.png" });
  await boris.screenshot({ path: "artifacts/chat-boris.png" });
});

async function say(page: Page, text: string): Promise<void> {
  await page.locator("#message").fill(text);
  await page.locator("#message").press("Enter");
}

/** The uid of the pod that holds the page's socket; the page shows it once it is connected. */
async function podOf(page: Page): Promise<string> {
  await page.locator("#state[data-state=connected]").waitFor();
  return (await page.locator("#pod").textContent()) ?? "";
}
