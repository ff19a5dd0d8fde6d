import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, exchange, servingCertificate, startGateway, TestClient, TestStream } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";

const CONNECT = JSON.stringify({ id: 1, connect: {} });
const APP = "https://app.example";

/** Status of an upgrade that the gateway refuses. */
async function refusedUpgrade(url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}): Promise<number> {
  const socket = new WebSocket(url, options);
  socket.on("error", () => undefined);
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
  socket.terminate();
  return response.statusCode;
}

test("[ORG1] pages of the same host and clients that are no pages may connect, other pages get 403 and are counted", async () => {
  await using gateway = await startGateway();
  await using page = await TestClient.open(gateway.url, { headers: { Origin: "http://127.0.0.1:3000" } });
  await using program = await TestClient.open(gateway.url);
  for (const client of [page, program]) expect(await client.call({ connect: {} })).toHaveProperty("connect");
  expect(await refusedUpgrade(gateway.url, { headers: { Origin: APP } })).toBe(403);
  const headers = { Origin: APP };
  const body = CONNECT;
  for (const path of ["/connection/http_stream", "/connection/uni_http_stream", "/emulation", "/connection/sse"]) {
    const response = await fetch(gateway.httpUrl + path, { method: "POST", headers, body });
    expect([path, response.status, response.headers.get("access-control-allow-origin")]).toEqual([path, 403, null]);
  }
  const metrics = await (await fetch(`${gateway.httpUrl}/metrics`)).text();
  expect(metrics).toContain('belay_gateway_refused_requests_total{reason="origin"} 5\n');
});

test("[ORG3] an allowed page of another host is told that it may read, with its cookies only where it was named", async () => {
  await using gateway = await startGateway({ config: { transports: { allowedOrigins: [APP] } } });
  const response = await fetch(`${gateway.httpUrl}/emulation`, { method: "POST", headers: { Origin: APP }, body: "x" });
  expect(response.status).toBe(400);
  expect(response.headers.get("access-control-allow-origin")).toBe(APP);
  expect(response.headers.get("access-control-allow-credentials")).toBe("true");
  expect(response.headers.get("vary")).toBe("Origin");
  await gateway.reconfigure({ transports: { allowedOrigins: ["*"] } });
  await eventually("any origin", 5000, async () => {
    await using stream = await TestStream.open(`${gateway.httpUrl}/connection/uni_sse`, {
      headers: { Origin: "https://any.example" },
    });
    expect(stream.headers["access-control-allow-credentials"]).toBeUndefined();
    return stream.headers["access-control-allow-origin"] === "https://any.example";
  });
});

test("[ORG4] a browser's question before the request is answered for allowed origins only", async () => {
  await using gateway = await startGateway({ config: { transports: { allowedOrigins: [APP] } } });
  const ask = (path: string, origin: string): Promise<Response> =>
    fetch(gateway.httpUrl + path, {
      method: "OPTIONS",
      headers: {
        Origin: origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-trace",
      },
    });
  for (const path of ["/connection/http_stream", "/emulation", "/connection/sse"]) {
    const allowed = await ask(path, APP);
    expect([allowed.status, allowed.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "content-type,x-trace",
    ]);
    expect(allowed.headers.get("access-control-allow-methods")).toContain("POST");
    const refused = await ask(path, "https://evil.example");
    expect([refused.status, refused.headers.get("access-control-allow-methods")]).toEqual([403, null]);
  }
});

test("[STR8] a transport that is not enabled is not there", async () => {
  await using gateway = await startGateway({ config: { transports: { enabled: ["sse"] } } });
  expect(await refusedUpgrade(gateway.url)).toBe(404);
  expect(await refusedUpgrade(gateway.url.replace("websocket", "uni_websocket"))).toBe(404);
  expect((await fetch(`${gateway.httpUrl}/connection/http_stream`, { method: "POST", body: CONNECT })).status).toBe(
    404,
  );
  await using stream = await TestStream.connect(gateway.httpUrl, "sse");
  expect(await stream.post(gateway.httpUrl, "{}")).toBe(204);
});

test("[PRX2] forwarded headers of a trusted proxy are believed, and nobody else's", async () => {
  await using gateway = await startGateway({
    config: { tls: { requireTLS: true }, proxies: { forwardedFrom: ["127.0.0.1"] } },
  });
  const post = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${gateway.httpUrl}/emulation`, { method: "POST", headers, body: "x" })).status;
  expect(await post({ "X-Forwarded-Proto": "https" })).toBe(400);
  expect(await post({ "X-Forwarded-Proto": "http" })).toBe(403);
  await gateway.reconfigure({ tls: { requireTLS: true }, proxies: { forwardedFrom: ["10.0.0.0/8"] } });
  await eventually("distrusted", 5000, async () => (await post({ "X-Forwarded-Proto": "https" })) === 403);
});

test("[TLS3] where TLS is required plain text gets 403 on every path but those of health and metrics", async () => {
  await using gateway = await startGateway({ config: { tls: { requireTLS: true } } });
  expect(await refusedUpgrade(gateway.url)).toBe(403);
  for (const path of ["/connection/sse?cf_connect={}", "/connection/uni_sse", "/api/info", "/emulation", "/nowhere"]) {
    expect([path, (await fetch(gateway.httpUrl + path, { method: "POST", body: "{}" })).status]).toEqual([path, 403]);
  }
  for (const path of ["/healthz", "/readyz", "/metrics"])
    expect((await fetch(gateway.httpUrl + path)).status).toBe(200);
  expect((await fetch(`${gateway.controlUrl}/readyz`)).status).toBe(200);
});

test("[TLS1] [TLS2] a gateway ends TLS itself, and a renewed certificate needs no restart and costs no socket", async () => {
  const directory = await mkdtemp(join(tmpdir(), "belay-tls-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const [certFile, keyFile] = [join(directory, "tls.crt"), join(directory, "tls.key")];
  const install = async ({ cert, key }: { readonly cert: string; readonly key: string }): Promise<void> => {
    for (const [file, text] of [
      [keyFile, key],
      [certFile, cert],
    ] as const) {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
  };
  const [first, second] = await Promise.all([
    servingCertificate(["gateway.test"]),
    servingCertificate(["gateway.test"]),
  ]);
  await install(first);
  await using gateway = await startGateway({ config: { tls: { certFile, keyFile } } });
  const url = gateway.url.replace("ws:", "wss:");
  await using client = await TestClient.open(url, { ca: first.ca, servername: "gateway.test" });
  expect(await client.call({ connect: {} })).toHaveProperty("connect");
  expect(await refusedUpgrade(gateway.url)).toBe(403);

  await install(second);
  const port = new URL(gateway.httpUrl).port;
  await eventually("the second certificate", 10_000, async () => {
    const asked = request({
      host: "127.0.0.1",
      port,
      ca: second.ca,
      servername: "gateway.test",
      agent: false,
      path: "/metrics",
    });
    asked.end();
    const [response] = (await once(asked, "response")) as [AsyncIterable<Buffer>];
    let text = "";
    for await (const chunk of response) text += chunk.toString();
    return /belay_gateway_tls_certificate_end_seconds \d{10}/.test(text);
  });
  expect(await client.call({ ping: {} })).not.toHaveProperty("error");
  await writeFile(keyFile, first.key);
  await eventually("a key of another certificate refused", 5000, async () => {
    const metrics = await (await fetch(`${gateway.controlUrl}/metrics`)).text();
    return metrics.includes('belay_gateway_config_reloads_total{outcome="refused"} ');
  });
  await using later = await TestClient.open(url, { ca: second.ca, servername: "gateway.test" });
  expect(await later.call({ connect: {} })).toHaveProperty("connect");
});

test("[PRX3] the address behind a PROXY header is the one of the connection", async () => {
  await using gateway = await startGateway({ config: { proxies: { proxyProtocolFrom: ["127.0.0.0/8"] } } });
  const port = Number(new URL(gateway.httpUrl).port);
  const get = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  expect((await exchange(port, `PROXY TCP4 203.0.113.9 192.0.2.1 8080 80\r\n${get}`)).toString()).toMatch(
    /^HTTP\/1\.1 200 /,
  );
  expect((await exchange(port, get)).toString()).toBe("");
  expect((await fetch(`${gateway.controlUrl}/readyz`)).status).toBe(200);
});
