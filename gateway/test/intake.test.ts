import { once } from "node:events";
import { createServer, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { eventually, exchange, servingCertificate } from "@belay/testkit";
import { expect, onTestFinished, test } from "vitest";
import { Intake, type IntakeOptions } from "../src/transport/intake.ts";
import { Networks } from "../src/access/networks.ts";

const LOOPBACK = ["127.0.0.0/8"];
const REQUEST = "GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const V2_HEADER = Buffer.from("0d0a0d0a000d0a515549540a2111000ccb007109c00002011f900050", "hex");

/** A server that says who asked and how much body came. */
async function startServer({
  networks = [] as readonly string[],
  ...options
}: Partial<IntakeOptions> & { networks?: readonly string[] }) {
  const refused: string[] = [];
  const server = createServer((request, response) => {
    const { address, isSecure } = intake.clientOf(request.socket);
    let bytes = 0;
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => response.end(`${address} ${isSecure ? "tls" : "plain"} ${bytes}`));
  });
  const trusted = new Networks(networks);
  const intake: Intake = new Intake(server, {
    proxyNetworks: () => trusted,
    minTlsVersion: "TLSv1.2",
    certificate: undefined,
    onRefused: (reason) => refused.push(reason),
    ...options,
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    intake.close();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, intake, refused, server };
}

async function bodyOf(incoming: Promise<unknown[]>): Promise<string> {
  const [response] = (await incoming) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** Over TLS, trusting `ca`. */
function askSecurely(port: number, ca: string): Promise<string> {
  const asked = httpsRequest({ port, host: "127.0.0.1", servername: "gateway.test", ca, agent: false, path: "/who" });
  asked.end();
  return bodyOf(once(asked, "response"));
}

test("[PRX3] a peer in the PROXY networks speaks for somebody else, and its bytes behind the header are the request", async () => {
  const { port } = await startServer({ networks: LOOPBACK });
  const text = Buffer.from(`PROXY TCP4 203.0.113.9 192.0.2.1 8080 80\r\n${REQUEST}`);
  expect((await exchange(port, text)).toString()).toMatch(/203\.0\.113\.9 plain 0$/);
  expect((await exchange(port, Buffer.concat([V2_HEADER, Buffer.from(REQUEST)]))).toString()).toMatch(
    /203\.0\.113\.9 plain 0$/,
  );
  const local = Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex");
  expect((await exchange(port, Buffer.concat([local, Buffer.from(REQUEST)]))).toString()).toMatch(
    /127\.0\.0\.1 plain 0$/,
  );
});

test("[PRX3] a header in pieces and a long body behind it arrive whole", async () => {
  const { port } = await startServer({ networks: LOOPBACK });
  const body = Buffer.alloc(2_000_000, "x");
  const head = `POST /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`;
  const bytes = Buffer.concat([V2_HEADER, Buffer.from(head), body]);
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  for (let at = 0; at < V2_HEADER.length + 20; at += 7) {
    socket.write(bytes.subarray(at, Math.min(at + 7, V2_HEADER.length + 20)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.write(bytes.subarray(V2_HEADER.length + 20));
  await once(socket, "close");
  expect(received).toMatch(/203\.0\.113\.9 plain 2000000$/);
});

test("[PRX3] a peer in the PROXY networks without a header, or with a malformed one, is cut", async () => {
  const { port, refused } = await startServer({ networks: LOOPBACK });
  for (const bytes of [REQUEST, `PROXY TCP4 nobody 192.0.2.1 1 2\r\n${REQUEST}`, "\r\n\r\n\0\r\nQUIT\n\x29"]) {
    const socket = connect(port, "127.0.0.1");
    let received = 0;
    socket.on("data", (chunk: Buffer) => (received += chunk.length));
    socket.on("error", () => undefined);
    socket.end(bytes);
    await once(socket, "close");
    expect(received).toBe(0);
  }
  expect(refused).toEqual(["proxy_header", "proxy_header", "proxy_header"]);
});

test("[PRX3] [TLS1] a peer that begins nothing, or does not go on, is cut in time", async () => {
  const certificate = await servingCertificate(["gateway.test"]);
  const { port } = await startServer({ networks: LOOPBACK, certificate, firstBytesMs: 200 });
  for (const bytes of ["", "PROXY TCP4 203.0.113.9", "PROXY UNKNOWN\r\n", "PROXY UNKNOWN\r\n\x16\x03\x01"]) {
    const startMs = performance.now();
    await exchange(port, Buffer.from(bytes, "latin1"));
    expect(performance.now() - startMs).toBeLessThan(2000);
  }
});

test("[PRX3] a PROXY header of anybody else is no HTTP", async () => {
  const { port } = await startServer({ networks: ["10.0.0.0/8"] });
  const answer = await exchange(port, `PROXY TCP4 203.0.113.9 192.0.2.1 8080 80\r\n${REQUEST}`);
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
});

test("[TLS1] with a certificate the port takes TLS, and plain text beside it", async () => {
  const certificate = await servingCertificate(["gateway.test"]);
  const { port, refused } = await startServer({ certificate });
  expect(await askSecurely(port, certificate.ca)).toBe("127.0.0.1 tls 0");
  const plain = httpRequest({ port, host: "127.0.0.1", agent: false, path: "/who" });
  plain.end();
  expect(await bodyOf(once(plain, "response"))).toBe("127.0.0.1 plain 0");
  expect(refused).toEqual([]);
});

test("[TLS1] TLS below version 1.2 is refused, and nothing but HTTP/1.1 is agreed on", async () => {
  const certificate = await servingCertificate(["gateway.test"]);
  const { port, refused } = await startServer({ certificate });
  const old = tlsConnect({
    port,
    host: "127.0.0.1",
    ca: certificate.ca,
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  await expect(once(old, "secureConnect")).rejects.toThrow(/alert protocol version|ECONNRESET/);
  expect(refused).toEqual(["tls_handshake"]);
  const modern = tlsConnect({
    port,
    host: "127.0.0.1",
    ca: certificate.ca,
    servername: "gateway.test",
    ALPNProtocols: ["h2", "http/1.1"],
  });
  await once(modern, "secureConnect");
  expect(modern.alpnProtocol).toBe("http/1.1");
  modern.destroy();
});

test("[TLS1] [PRX3] TLS behind a PROXY header belongs to the client that the header names", async () => {
  const certificate = await servingCertificate(["gateway.test"]);
  const { port } = await startServer({ certificate, networks: LOOPBACK });
  const tcp = connect(port, "127.0.0.1");
  await once(tcp, "connect");
  tcp.write(V2_HEADER);
  const socket = tlsConnect({ socket: tcp, ca: certificate.ca, servername: "gateway.test" });
  await once(socket, "secureConnect");
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  socket.write(REQUEST);
  await once(socket, "close");
  expect(received).toMatch(/203\.0\.113\.9 tls 0$/);
});

test("[TLS1] a handshake that is given up, whenever that is, leaves nothing behind", async () => {
  const certificate = await servingCertificate(["gateway.test"]);
  const { port, server } = await startServer({ certificate });
  for (const event of ["connect", "secureConnect"]) {
    const socket = tlsConnect({ port, host: "127.0.0.1", ca: certificate.ca, servername: "gateway.test" });
    socket.on("error", () => undefined);
    await once(socket, event);
    socket.destroy();
  }
  await expect(askSecurely(port, (await servingCertificate(["gateway.test"])).ca)).rejects.toThrow(/certificate/);
  await eventually("no connection", 2000, async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    server.getConnections((_, count) => resolve(count));
    return (await promise) === 0;
  });
});

test("[TLS2] a new certificate serves new connections at once, and open ones live on", async () => {
  const [first, second] = await Promise.all([
    servingCertificate(["gateway.test"]),
    servingCertificate(["gateway.test"]),
  ]);
  const { port, intake } = await startServer({ certificate: first });
  const open = tlsConnect({ port, host: "127.0.0.1", ca: first.ca, servername: "gateway.test" });
  await once(open, "secureConnect");
  intake.certificate = second;
  expect(await askSecurely(port, second.ca)).toBe("127.0.0.1 tls 0");
  await expect(askSecurely(port, first.ca)).rejects.toThrow(/certificate/);
  let received = "";
  open.on("data", (chunk: Buffer) => (received += chunk.toString()));
  open.write(REQUEST);
  await once(open, "close");
  expect(received).toMatch(/127\.0\.0\.1 tls 0$/);
  intake.certificate = undefined;
  await expect(askSecurely(port, second.ca)).rejects.toThrow(/wrong version|packet|EPROTO|ECONNRESET/);
});
