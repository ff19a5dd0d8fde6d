import { mkdir } from "node:fs/promises";
import {
  callApi,
  callControl,
  eventually,
  type GatewayProcess,
  type GatewayTestOptions,
  RoundRobin,
  startGatewayProcess,
  startRedis,
  TcpProxy,
} from "@belay/testkit";
import { openBrowser, servePage } from "@belay/testkit/browser";
import { SignJWT } from "jose";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";

const WITHIN_MS = 30_000;
/** Less than the 4 min within which a publish is repeated. */
const SLEPT_MS = 200_000;
const config: NonNullable<GatewayTestOptions["config"]> = {
  channels: {
    namespaces: [{ name: "kept", allow: { publish: "authenticated" }, history: { size: 10_000, ttlSeconds: 600 } }],
  },
};

function endWithTest<T extends AsyncDisposable>(disposable: T): T {
  onTestFinished(() => disposable[Symbol.asyncDispose]());
  return disposable;
}

function portOf({ url }: GatewayProcess): number {
  return Number(new URL(url).port);
}

/** Numbers without end, one after the other, until it is stopped; `publish` is repeated until it succeeds. */
class Counting implements AsyncDisposable {
  made = 0;
  #isStopped = false;
  readonly #running: Promise<void>;

  constructor(publish: (n: number) => Promise<unknown>) {
    this.#running = this.#run(publish);
  }

  async stop(): Promise<readonly number[]> {
    this.#isStopped = true;
    await this.#running;
    return Array.from({ length: this.made }, (_, index) => index + 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(publish: (n: number) => Promise<unknown>): Promise<void> {
    while (!this.#isStopped) {
      await publish(this.made + 1);
      this.made += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

test("[SDK60] a page through a handover, an offline period, a sleep, a restart and a WebSocket that is blocked: everything once, in order", async () => {
  const redis = endWithTest(await startRedis());
  const start = async (podUid: string, more: object = {}): Promise<GatewayProcess> =>
    endWithTest(await startGatewayProcess({ redisUrl: redis.url, config: { ...config, ...more }, podUid }));
  const [first, second] = await Promise.all([start("pod-one"), start("pod-two")]);
  const service = endWithTest(await RoundRobin.start([portOf(first)]));
  const network = await TcpProxy.start(service.port);
  const pages = endWithTest(await servePage(new URL("journey-page.ts", import.meta.url).pathname));
  const browser = endWithTest(await openBrowser());
  const page = await browser.context.newPage();
  // Without what the page saw a failure explains nothing.
  onTestFinished(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    console.log(await page.evaluate<string>(`page.lines().join("\\n")`).catch(String));
  });
  await page.clock.install();
  await page.goto(pages.url);
  const token = await new SignJWT({ sub: "ann" })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(first.hmacSecret));
  await page.evaluate(`start("http://127.0.0.1:${network.port}", "${token}")`);
  await is(page, /^connected websocket pod-one$/);
  // What is published before that is nobody's.
  await expect.poll(() => page.evaluate("page.subscribed()"), { timeout: WITHIN_MS }).toBe(2);

  let alive = second;
  await using feed = new Counting((n) =>
    eventually("a publish of the application", WITHIN_MS, async () => {
      const publish = { channel: "kept:feed", data: n, idempotency_key: `feed-${n}` };
      const { error } = (await callApi(alive, "publish", publish)) as { readonly error?: unknown };
      // Where Redis does not answer in time nothing was published, and it is to be said again.
      return error === undefined;
    }),
  );
  await using own = new Counting((n) => page.evaluate(`page.say(${n})`));

  // A handover: the first pod is drained.
  await seen(page, 20);
  service.add(portOf(second));
  service.remove(portOf(first));
  await callControl(first, "/drain", { term: 1, deadlineSeconds: 20, ratePerSecond: 10, reason: "rollout" });
  await is(page, /^connected websocket pod-two$/);
  await seen(page, feed.made + 10);

  // An offline period.
  await browser.context.setOffline(true);
  network.cut();
  await is(page, /^reconnecting - pod-two$/);
  const beforeOffline = own.made;
  await eventually("said while offline", WITHIN_MS, () => own.made > beforeOffline + 20);
  await browser.context.setOffline(false);
  network.mend();
  // On a slow machine it may have tried another transport by then.
  await is(page, /^connected \w+ pod-two$/);
  await seen(page, feed.made + 10);

  // The machine sleeps: the clock jumps, and nothing comes any more on a socket that looks alive.
  expect(network.swallowReplies(" /connection/")).toBeGreaterThan(0);
  await page.clock.fastForward(SLEPT_MS);
  await seen(page, feed.made + 10);

  // The server is restarted, and no WebSocket gets through any more.
  const third = await start("pod-three", { transports: { enabled: ["sse"] } });
  service.add(portOf(third));
  service.remove(portOf(second));
  alive = third;
  await second[Symbol.asyncDispose]();
  await is(page, /^connected sse pod-three$/);
  await seen(page, feed.made + 10);

  const [fed, said] = [await feed.stop(), await own.stop()];
  for (const [channel, expected] of [
    ["kept:feed", fed],
    ["kept:own", said],
  ] as const) {
    await eventually(
      `all of ${channel}`,
      WITHIN_MS,
      async () => (await shown(page, channel)).length >= expected.length,
    );
    expect(await shown(page, channel)).toEqual(expected);
  }
  expect(await page.evaluate("page.failures()")).toEqual([]);
  expect(await page.evaluate<readonly string[]>("page.states()")).toContain("migrating");
  await page.evaluate(`document.body.append(page.lines().join("\\n"))`);
  await page.evaluate(`document.body.style.cssText = "white-space: pre; font: 12px monospace"`);
  await mkdir("artifacts", { recursive: true });
  await page.screenshot({ path: "artifacts/sdk-journey.png", fullPage: true });
}, 120_000);

/** Waits until the page's client is in this state, on this transport and pod. */
async function is(page: Page, where: RegExp): Promise<void> {
  await expect.poll(() => page.evaluate("page.where()"), { timeout: WITHIN_MS }).toMatch(where);
}

function shown(page: Page, channel: string): Promise<readonly unknown[]> {
  return page.evaluate<readonly unknown[]>(`page.shown("${channel}")`);
}

/** Waits until the page shows so many publications of each channel. */
async function seen(page: Page, count: number): Promise<void> {
  for (const channel of ["kept:feed"])
    await eventually(`${count} of ${channel}`, WITHIN_MS, async () => (await shown(page, channel)).length >= count);
}
