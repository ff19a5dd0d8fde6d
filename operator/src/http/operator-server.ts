import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface OperatorServerOptions {
  readonly host: string;
  readonly port: number;
  /** Stores are filled. A standby is ready too: it serves the metric and may lead at any moment. */
  readonly isReady: () => boolean;
  readonly registry: Registry;
}

/** /healthz, /readyz and /metrics. */
export class OperatorServer {
  readonly #options: OperatorServerOptions;
  readonly #server: Server;

  constructor(options: OperatorServerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: 5_000 }, (request, response) => {
      void this.#answer(request.url ?? "", response);
    });
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

  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    const { isReady, registry } = this.#options;
    switch (url.replace(/\?.*$/, "")) {
      case "/healthz":
        return send(response, 200, "ok");
      case "/readyz":
        return isReady() ? send(response, 200, "ok") : send(response, 503, "first lists are not complete");
      case "/metrics":
        response.setHeader("content-type", registry.contentType);
        return send(response, 200, await registry.metrics());
      default:
        return send(response, 404, "not found");
    }
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status).end(body);
}
