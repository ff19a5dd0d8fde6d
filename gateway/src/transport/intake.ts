/** What stands between an accepted TCP connection and the HTTP parser: the PROXY header of a load balancer, and TLS. */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";
import type { Client } from "../access/forwarded.ts";
import { type Networks, plainAddress } from "../access/networks.ts";
import { parseProxyHeader } from "../access/proxy-header.ts";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export type IntakeRefusal = "proxy_header" | "tls_handshake";

export interface IntakeOptions {
  /** Who begins its connections with a PROXY header. Read for each connection. */
  readonly proxyNetworks: () => Networks;
  readonly minTlsVersion: "TLSv1.2" | "TLSv1.3";
  readonly certificate: Certificate | undefined;
  /** Longest time to the end of the PROXY header and to the first byte behind it, and of a TLS handshake. Default 10,000. */
  readonly firstBytesMs?: number;
  /** A connection ended before its first request. */
  readonly onRefused: (reason: IntakeRefusal) => void;
}

const FIRST_BYTES_MS = 10_000;
/** First byte of every TLS handshake, and of no HTTP request. */
const TLS_HANDSHAKE = 0x16;

/**
 * Stands before a server's own parser. Without PROXY networks and without a certificate a connection goes straight through. With
 * a certificate the first byte tells TLS from plain text; whether plain text is welcome is decided for each request.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #server: Server;
  readonly #parse: (socket: Socket) => void;
  readonly #tls: TlsServer;
  readonly #clients = new WeakMap<Duplex, Client>();
  /** Addresses behind PROXY headers, by the two ends of the TCP connection: a TLS socket does not show the one it wraps. */
  readonly #proxied = new Map<string, string>();
  readonly #waiting = new Set<Duplex>();
  #hasCertificate: boolean;

  constructor(server: Server, options: IntakeOptions) {
    this.#options = options;
    this.#server = server;
    const [parse] = server.listeners("connection");
    if (parse === undefined) throw new TypeError("the server must parse connections");
    this.#parse = (socket) => {
      parse.call(server, socket);
    };
    this.#tls = createTlsServer(
      {
        ...this.#secureContext(options.certificate),
        ALPNProtocols: ["http/1.1"],
        handshakeTimeout: options.firstBytesMs ?? FIRST_BYTES_MS,
      },
      (socket) => this.#onSecure(socket),
    );
    this.#tls.on("tlsClientError", (_, socket) => {
      options.onRefused("tls_handshake");
      socket.destroy();
    });
    this.#hasCertificate = options.certificate !== undefined;
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => this.#onConnection(socket));
  }

  /** Acts on connections made from now on; undefined ends TLS. */
  set certificate(certificate: Certificate | undefined) {
    if (certificate !== undefined) this.#tls.setSecureContext(this.#secureContext(certificate));
    this.#hasCertificate = certificate !== undefined;
  }

  /** Who is at the other end of a connection that reached the parser; nobody, for one that is gone. */
  clientOf(socket: Duplex): Client {
    const known = this.#clients.get(socket);
    if (known !== undefined) return known;
    const { remoteAddress } = socket as Socket;
    return { address: plainAddress(remoteAddress ?? "") ?? "", isSecure: false };
  }

  /** Drops connections that have not reached the parser. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #secureContext(
    certificate: Certificate | undefined,
  ): { readonly minVersion: "TLSv1.2" | "TLSv1.3" } & Partial<Certificate> {
    return { ...certificate, minVersion: this.#options.minTlsVersion };
  }

  #onConnection(socket: Socket): void {
    const hasProxyHeader = this.#options.proxyNetworks().has(socket.remoteAddress);
    if (!hasProxyHeader && !this.#hasCertificate) this.#parse(socket);
    else void this.#open(socket, hasProxyHeader);
  }

  /** Never rejects. */
  async #open(socket: Socket, hasProxyHeader: boolean): Promise<void> {
    this.#waiting.add(socket);
    const late = setTimeout(() => socket.destroy(), this.#options.firstBytesMs ?? FIRST_BYTES_MS);
    socket.on("error", ignore);
    const isTaken = !hasProxyHeader || (await this.#takeProxyHeader(socket));
    const first = isTaken && this.#hasCertificate ? await peek(socket, (bytes) => bytes[0]) : undefined;
    clearTimeout(late);
    this.#waiting.delete(socket);
    socket.off("error", ignore);
    if (!isTaken || socket.destroyed) {
      socket.on("error", ignore);
      socket.destroy();
    } else if (first === TLS_HANDSHAKE) {
      // An HTTP server lets the other side end first; a handshake that was given up would stay until its time is over.
      socket.allowHalfOpen = false;
      this.#tls.emit("connection", socket);
    } else this.#parse(socket);
  }

  /** Whether the connection may go on. */
  async #takeProxyHeader(socket: Socket): Promise<boolean> {
    const header = await peek(socket, (bytes) => {
      const parsed = parseProxyHeader(bytes);
      return parsed.state === "partial" ? undefined : parsed;
    });
    if (header?.state !== "whole") {
      this.#options.onRefused("proxy_header");
      return false;
    }
    socket.read(header.length);
    const address = header.address ?? plainAddress(socket.remoteAddress ?? "") ?? "";
    this.#clients.set(socket, { address, isSecure: false });
    const ends = endsOf(socket);
    this.#proxied.set(ends, address);
    socket.once("close", () => this.#proxied.delete(ends));
    return true;
  }

  #onSecure(socket: TLSSocket): void {
    const address = this.#proxied.get(endsOf(socket)) ?? plainAddress(socket.remoteAddress ?? "") ?? "";
    this.#clients.set(socket, { address, isSecure: true });
    if (this.#server.listening) this.#parse(socket);
    else socket.destroy();
  }
}

/** No two open connections of a host have the same. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function ignore(): void {
  // Nothing to do: the connection's end tells the rest.
}

/** Collects bytes until `judge` is satisfied, then puts them all back. Undefined when the connection ends before. */
async function peek<T>(socket: Socket, judge: (bytes: Buffer) => T | undefined): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  let bytes: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const more = socket.read() as Buffer | null;
    if (more === null) return;
    bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more]);
    const verdict = judge(bytes);
    if (verdict !== undefined) resolve(verdict);
  };
  const onEnd = (): void => resolve(undefined);
  socket.on("readable", look).once("end", onEnd).once("close", onEnd);
  const verdict = await promise;
  socket.off("readable", look).off("end", onEnd).off("close", onEnd);
  if (bytes.length > 0 && !socket.destroyed) socket.unshift(bytes);
  return verdict;
}
