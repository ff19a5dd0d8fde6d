import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { PeerCertificate, TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import type { Access } from "./access.ts";
import type { ServingCertificate } from "./certificates.ts";
import { answerMetric, type ConnectionCounts, failure, routeMetrics } from "./custom-metrics.ts";
import { type FrontProxy, proxiedUser } from "./front-proxy.ts";

/** A metrics API that hangs holds up the HPAs of everybody in the cluster: no answer takes longer. */
const deadlineMs = 1_000;

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  readonly certificate: ServingCertificate;
  readonly frontProxy: FrontProxy;
  readonly access: Pick<Access, "mayRead">;
  readonly counts: ConnectionCounts;
  readonly clock: Clock;
}

/** Serves custom.metrics.k8s.io to the API server, which alone may ask. Every replica of the operator serves, not only the leader. */
export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  #frontProxy: FrontProxy;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#frontProxy = options.frontProxy;
    const { certificate, frontProxy } = options;
    this.#server = createServer(
      {
        ...tls(certificate, frontProxy),
        requestCert: true,
        rejectUnauthorized: false,
        requestTimeout: 5_000,
        headersTimeout: 5_000,
      },
      (request, response) => void this.#answer(request, response),
    );
  }

  /** Resolves with the port that is listened on. */
  start(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.port, this.#options.host, () =>
      resolve((this.#server.address() as AddressInfo).port),
    );
    return promise;
  }

  /** Takes a rotated certificate or a new front-proxy CA into use, for connections made from now on. */
  renew(certificate: ServingCertificate, frontProxy: FrontProxy): void {
    this.#frontProxy = frontProxy;
    this.#server.setSecureContext(tls(certificate, frontProxy));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { clock } = this.#options;
    const late = clock.after(deadlineMs, () =>
      send(response, 503, failure(503, "ServiceUnavailable", "no answer within 1 s")),
    );
    try {
      const { status, body } = await this.#decide(request);
      send(response, status, body);
    } catch (error) {
      send(response, 503, failure(503, "ServiceUnavailable", error instanceof Error ? error.message : "failed"));
    } finally {
      late();
    }
  }

  async #decide(request: IncomingMessage): Promise<{ readonly status: number; readonly body: unknown }> {
    const path = pathOf(request);
    const user = this.#isApiServer(request) ? proxiedUser(this.#frontProxy, request.headersDistinct) : undefined;
    if (user === undefined)
      return {
        status: 401,
        body: failure(401, "Unauthorized", "only the API server may ask, with its front-proxy certificate"),
      };
    if (request.method !== "GET")
      return {
        status: 405,
        body: failure(405, "MethodNotAllowed", `method must be GET, was: ${request.method ?? ""}`),
      };
    const route = routeMetrics(path);
    switch (route.kind) {
      case "discovery":
        return { status: 200, body: route.body };
      case "unknown":
        return { status: 404, body: failure(404, "NotFound", `no metric at ${path}`) };
      case "metric": {
        const { access, counts, clock } = this.#options;
        if (!(await access.mayRead(user, route.request))) {
          return {
            status: 403,
            body: failure(403, "Forbidden", `${user.user} may not read connections in ${route.request.namespace}`),
          };
        }
        return answerMetric(route.request, counts, { nowMs: clock.nowMs(), date: clock.date() });
      }
    }
  }

  #isApiServer({ socket }: IncomingMessage): boolean {
    const tlsSocket = socket as TLSSocket;
    if (!tlsSocket.authorized) return false;
    const { allowedNames } = this.#frontProxy;
    // Node's types say that there always is one.
    const { subject } = tlsSocket.getPeerCertificate() as Partial<PeerCertificate>;
    return allowedNames.length === 0 || (subject !== undefined && allowedNames.includes(String(subject.CN)));
  }
}

/** Without a URL parser: it throws on hostile paths, and would resolve dots that the API server has judged as they were. */
function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?")[0] ?? "";
}

function tls({ cert, key }: ServingCertificate, { ca }: FrontProxy): { cert: string; key: string; ca: string } {
  return { cert, key, ca };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}
