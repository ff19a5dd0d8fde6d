import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  HttpKubeClient,
  type KubeConnection,
  KubeError,
  type KubeObject,
  makeServingCertificate,
  openKubeConnection,
  RESOURCES,
  type WatchEvent,
} from "@belay/operator/internal";
import { eventually } from "@belay/testkit";
import { expect, onTestFinished, test, vi } from "vitest";

interface Setup {
  readonly client: HttpKubeClient;
  readonly connection: KubeConnection;
  /** `verb plural code` of every request. */
  readonly requests: string[];
  readonly tokenFile: string;
  readonly clock: { nowMs: number };
}

/** A server that answers as the test says, which a real API server never would. */
async function against(answer: RequestListener, timeoutMs = 300): Promise<Setup> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const directory = await mkdtemp(join(tmpdir(), "belay-kubeconfig-"));
  const [kubeconfigFile, tokenFile] = [join(directory, "config"), join(directory, "token")];
  await writeFile(tokenFile, "first");
  await writeFile(kubeconfigFile, kubeconfig((server.address() as AddressInfo).port, tokenFile));
  const clock = { nowMs: 0 };
  const connection = await openKubeConnection({ kubeconfigFile, nowMs: () => clock.nowMs });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });
  const requests: string[] = [];
  const onRequest = (verb: string, resource: string, code: number | "error") =>
    void requests.push(`${verb} ${resource} ${code}`);
  const client = new HttpKubeClient(connection, onRequest, { callMs: timeoutMs, watchIdleMs: timeoutMs });
  return { client, connection, requests, tokenFile, clock };
}

function kubeconfig(port: number, tokenFile: string): string {
  return JSON.stringify({
    "current-context": "it",
    clusters: [{ name: "it", cluster: { server: `http://127.0.0.1:${port}/`, "insecure-skip-tls-verify": true } }],
    users: [{ name: "it", user: { "auth-provider": { name: "tokenFile", config: { tokenFile } } } }],
    contexts: [{ name: "it", context: { cluster: "it", user: "it" } }],
  });
}

async function watchAll(
  client: HttpKubeClient,
  signal = new AbortController().signal,
): Promise<{ readonly events: readonly WatchEvent<KubeObject>[]; readonly error: unknown }> {
  const events: WatchEvent<KubeObject>[] = [];
  try {
    for await (const event of client.watch(RESOURCES.pods, { resourceVersion: "1", timeoutSeconds: 60 }, signal))
      events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

function pod(name: string, resourceVersion: string): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "ns", resourceVersion } };
}

const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const ref = { resource: RESOURCES.pods, namespace: "ns", name: "p" };

test("[RT10] Retry-After is read from the header, else from the Status, and kept within bounds", async () => {
  const answers: [Record<string, string>, unknown][] = [
    [{ "Retry-After": "7" }, { reason: "TooManyRequests", message: "slow down" }],
    [{}, { reason: "TooManyRequests", details: { retryAfterSeconds: 3 } }],
    [{ "Retry-After": "99999999" }, {}],
    [{ "Retry-After": "-5" }, {}],
    [{ "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" }, {}],
  ];
  const { client, requests } = await against((_request, response) => {
    const [headers, body] = answers.shift() ?? [{}, {}];
    response.writeHead(429, headers).end(JSON.stringify(body));
  });
  const seen: unknown[] = [];
  for (let n = 0; n < 5; n++)
    await client.get(ref).catch((error: unknown) => seen.push(error instanceof KubeError && error.retryAfterSeconds));
  expect(seen).toEqual([7, 3, 300, 0, undefined]);
  expect(requests).toEqual(Array.from({ length: 5 }, () => "get pods 429"));
});

test("[RT17] a refusal in HTML, in words, in JSON that is no object or in nothing is still a refusal with its status", async () => {
  const bodies = ["<html>Bad Gateway</html>", "overloaded", "null", "[1]", '"text"', "42", ""];
  const { client } = await against((_request, response) => response.writeHead(502).end(bodies.shift()));
  for (let left = bodies.length; left > 0; left--)
    await expect(client.get(ref)).rejects.toMatchObject({ name: "KubeError", status: 502, reason: "Unknown" });
});

test("[RT17] an answer that never comes, or never ends, ends with the time-out, and leaves the next call alone", async () => {
  let mode: "silent" | "half" | "whole" = "silent";
  const { client, requests } = await against((_request, response) => {
    if (mode === "silent") return;
    if (mode === "half") response.write('{"metadata":');
    else response.end(JSON.stringify(pod("p", "1")));
  });
  await expect(client.get(ref)).rejects.toThrow("timeout");
  mode = "half";
  await expect(client.get(ref)).rejects.toThrow(/timeout|terminated/);
  mode = "whole";
  expect(await client.get(ref)).toMatchObject({ metadata: { name: "p" } });
  expect(requests).toEqual(["get pods error", "get pods 200", "get pods 200"]);
});

test("[RT5] events are cut out of the stream wherever the bytes were cut, also within a character", async () => {
  const text = line("ADDED", pod("größe-😀", "2")) + line("MODIFIED", pod("größe-😀", "3")) + "\n";
  const bytes = Buffer.from(text, "utf8");
  const { client } = await against((_request, response) => {
    response.writeHead(200);
    void sendSlowly(response, bytes);
  });
  const { events, error } = await watchAll(client);
  expect(error).toBeUndefined();
  expect(events.map((event) => event.type !== "BOOKMARK" && event.object.metadata.name)).toEqual([
    "größe-😀",
    "größe-😀",
  ]);
});

async function sendSlowly(response: ServerResponse, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    response.write(Uint8Array.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

test("[RT17] a half line at the end of a watch is dropped: whoever resumes gets it whole", async () => {
  const { client } = await against((_request, response) => {
    response.end(line("ADDED", pod("a", "2")) + line("ADDED", pod("b", "3")).slice(0, 40));
  });
  const { events, error } = await watchAll(client);
  expect([events.length, error]).toEqual([1, undefined]);
});

test("[RT17] rubbish in a watch is an error after what came before it, never a crash", async () => {
  const rubbish = [
    "{",
    "null\n",
    "[]\n",
    '{"type":"ADDED"}\n{"type":1}\n',
    '{"type":"BOOKMARK","object":{}}\n',
    "\u0000\n",
  ];
  let answer = "";
  const { client } = await against((_request, response) => response.end(answer));
  for (const each of rubbish) {
    answer = `${line("ADDED", pod("a", "2"))}${each}\n`;
    const { events, error } = await watchAll(client);
    expect([each, events[0]?.type, error]).toEqual([each, "ADDED", expect.any(Error)]);
  }
});

test("[RT8] an ERROR event is a refusal with its code", async () => {
  const { client } = await against((_request, response) =>
    response.end(line("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" })),
  );
  expect((await watchAll(client)).error).toMatchObject({ name: "KubeError", status: 410, reason: "Expired" });
});

test("[RT17] a watch that falls silent is ended; one that speaks is not", async () => {
  let speaks = true;
  const { client } = await against((_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => {
      if (speaks) response.write(line("BOOKMARK", pod("", "9")));
    }, 100);
    response.once("close", () => clearInterval(timer));
  });
  const startedMs = performance.now();
  setTimeout(() => {
    speaks = false;
  }, 900);
  const { events, error } = await watchAll(client);
  expect(performance.now() - startedMs).toBeGreaterThan(1_000);
  expect(events.length).toBeGreaterThan(4);
  expect(String(error)).toContain("silent");
});

test("[RT17] a watch ends when its reader has enough, and the server sees it", async () => {
  let closed = 0;
  const { client } = await against((_request, response) => {
    response.writeHead(200);
    response.write(line("ADDED", pod("a", "2")));
    response.once("close", () => (closed += 1));
  });
  for await (const event of client.watch(
    RESOURCES.pods,
    { resourceVersion: "1", timeoutSeconds: 60 },
    new AbortController().signal,
  )) {
    expect(event.type).toBe("ADDED");
    break;
  }
  const stop = new AbortController();
  const stopped = watchAll(client, stop.signal);
  setTimeout(() => stop.abort(), 20);
  expect((await stopped).error).toBeInstanceOf(Error);
  await eventually("both are closed", 2_000, () => closed === 2);
});

test("[RT18] many calls share few connections, and watches hold up no call", async () => {
  const sockets = { call: new Set<unknown>(), watch: new Set<unknown>() };
  const { client } = await against((request: IncomingMessage, response) => {
    const isWatch = request.url?.includes("watch=true") === true;
    sockets[isWatch ? "watch" : "call"].add(request.socket);
    if (isWatch) response.writeHead(200).flushHeaders();
    else response.end(JSON.stringify(pod("p", "1")));
  }, 20_000);
  const stop = new AbortController();
  const watches = Array.from({ length: 60 }, () => watchAll(client, stop.signal));
  await eventually("all watches are open", 10_000, () => sockets.watch.size === 60);
  await Promise.all(Array.from({ length: 200 }, () => client.get(ref)));
  expect(sockets.call.size).toBeLessThanOrEqual(16);
  stop.abort();
  await Promise.all(watches);
});

test("[RT19] a rotated token is used within two minutes; one that cannot be read leaves the old one in use", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const tokens: (string | undefined)[] = [];
  const { client, clock, tokenFile } = await against((request, response) => {
    tokens.push(request.headers.authorization);
    response.end(JSON.stringify(pod("p", "1")));
  });
  const later = async (ms: number): Promise<void> => {
    clock.nowMs += ms;
    vi.setSystemTime(Date.now() + ms);
    await client.get(ref);
  };
  await later(0);
  await writeFile(tokenFile, "second");
  for (let passed = 0; passed < 120; passed += 10) await later(10_000);
  expect([tokens[0], tokens.at(-1)]).toEqual(["Bearer first", "Bearer second"]);
  await rm(tokenFile);
  await later(3_600_000);
  expect(tokens.at(-1)).toBe("Bearer second");
});

test("[RT19] a CA that was replaced is trusted on the next connections, the one before no more", async () => {
  const [old, replaced] = await Promise.all([
    makeServingCertificate(["localhost"], new Date()),
    makeServingCertificate(["localhost"], new Date()),
  ]);
  const server = createTlsServer(old, (_request, response) => response.end(JSON.stringify(pod("p", "1"))));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const directory = await mkdtemp(join(tmpdir(), "belay-ca-"));
  const [kubeconfigFile, caFile] = [join(directory, "config"), join(directory, "ca.crt")];
  await writeFile(caFile, old.ca);
  const cluster = {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    "tls-server-name": "localhost",
    "certificate-authority": caFile,
  };
  await writeFile(
    kubeconfigFile,
    JSON.stringify({
      "current-context": "it",
      clusters: [{ name: "it", cluster }],
      users: [{ name: "it", user: { token: "t" } }],
      contexts: [{ name: "it", context: { cluster: "it", user: "it" } }],
    }),
  );
  const clock = { nowMs: 0 };
  const connection = await openKubeConnection({ kubeconfigFile, nowMs: () => clock.nowMs });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  });
  const client = new HttpKubeClient(connection);
  await client.get(ref);
  server.setSecureContext(replaced);
  server.closeAllConnections();
  await expect(client.get(ref)).rejects.toThrow("certificate signature failure");
  await writeFile(caFile, replaced.ca);
  clock.nowMs += 30_000;
  expect(await client.get(ref)).toMatchObject({ metadata: { name: "p" } });
});
