import { expect, test } from "vitest";
import { openBrowser } from "@belay/testkit/browser";
import { chatPageUrl } from "../images.ts";
import { listObjects } from "../kube-objects.ts";

interface Talk {
  readonly event: unknown;
  readonly replies: readonly unknown[];
  readonly status: number;
}

/** Runs in a page: an EventSource, then an HTTP stream whose client posts to the emulation endpoint. */
const TALK = `async (host) => {
  const access = await (await fetch("/token?user=eva")).json();
  const gateway = new URL(access.url.replace(/^ws/, "http"));
  if (host !== "") gateway.hostname = host;
  const at = (path) => new URL(path, gateway).href;
  const request = encodeURIComponent(JSON.stringify({ token: access.token }));
  const event = await new Promise((resolve, reject) => {
    const source = new EventSource(at("/connection/uni_sse?cf_connect=" + request));
    source.onmessage = ({ data }) => (source.close(), resolve(JSON.parse(data)));
    source.onerror = () => (source.close(), reject(new Error("no event")));
  });
  const post = (path, body) =>
    fetch(at(path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const stream = await post("/connection/http_stream", { id: 1, connect: { token: access.token } });
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const next = async () => JSON.parse((await reader.read()).value);
  const connected = await next();
  const { session, node } = connected.connect;
  const { status } = await post("/emulation", { session, node, data: JSON.stringify({ id: 2, ping: {} }) });
  const replies = [connected, await next()];
  await reader.cancel();
  return { event, replies, status };
}`;

test("a browser's page uses EventSource, HTTP streams and emulation on another port of its host, and nothing of another host", async () => {
  const address = await chatPageUrl();
  await using browser = await openBrowser({ bypassCSP: true });
  const page = await browser.context.newPage();
  await page.goto(`${address}?user=eva`);
  const talk = (host: string): Promise<Talk> => page.evaluate<Talk>(`(${TALK})(${JSON.stringify(host)})`);

  const { event, replies, status } = await talk("");
  expect(event).toMatchObject({ push: { connect: { client: expect.any(String) as unknown } } });
  expect(replies).toMatchObject([{ id: 1, connect: {} }, { id: 2 }]);
  expect(status).toBe(204);

  // The node port is the same on every Kubernetes node: the address of another one is another host to the browser.
  const nodes = await listObjects<{ status: { addresses: readonly { type: string; address: string }[] } }>(
    "default",
    "nodes",
  );
  const addresses = nodes.map(
    ({ status: { addresses: all } }) => all.find(({ type }) => type === "InternalIP")?.address ?? "",
  );
  const foreign = addresses.find((each) => each !== new URL(address).hostname) ?? "";
  expect(foreign).not.toBe("");
  await expect(talk(foreign)).rejects.toThrow("no event");
  const opened = await page.evaluate<string>(`new Promise((resolve) => {
    const socket = new WebSocket("ws://${foreign}:30800/connection/websocket");
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  })`);
  expect(opened).toBe("refused");
});
